//! Error codes for programs: the `code` of an error in JSON. Codes never change.

use super::error_message::ErrorMessage;

/// The kind of a failure, which is also the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The reader of the output closed it, as `head` does: no failure of the command.
    OutputClosed = 0,
    Failed = 1,
    Usage = 2,
    Unreachable = 3,
    /// The code that shells use for a program that was interrupted.
    Interrupted = 130,
}

/// Why a command failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    UnknownArgument,
    MissingArgument,
    InvalidValue,
    ArgumentConflict,
    UnknownCommand,
    MissingCommand,
    /// A variable or a file with a setting is wrong.
    InvalidSetting,
    /// The service responded with this error.
    Response(ErrorMessage),
    /// No connection was made.
    Unreachable,
    /// The connection broke before the response was complete.
    NoResponse,
    /// The response did not arrive in time.
    TimedOut,
    UndocumentedResponse,
    NotReady,
    /// The service succeeded where its contract says that it fails.
    ContractBroken,
    OutputFailed,
    OutputClosed,
    Interrupted,
}

impl Code {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::UnknownArgument
            | Self::MissingArgument
            | Self::InvalidValue
            | Self::ArgumentConflict
            | Self::UnknownCommand
            | Self::MissingCommand
            | Self::InvalidSetting => Kind::Usage,
            Self::Response(_) | Self::ContractBroken | Self::OutputFailed => Kind::Failed,
            Self::Unreachable
            | Self::NoResponse
            | Self::TimedOut
            | Self::UndocumentedResponse
            | Self::NotReady => Kind::Unreachable,
            Self::OutputClosed => Kind::OutputClosed,
            Self::Interrupted => Kind::Interrupted,
        }
    }

    /// The name of the code. That of a response is its message in lower case, with underscores.
    pub(super) fn name(self, response: Option<&str>) -> String {
        let name = match self {
            Self::UnknownArgument => "unknown_argument",
            Self::MissingArgument => "missing_argument",
            Self::InvalidValue => "invalid_value",
            Self::ArgumentConflict => "argument_conflict",
            Self::UnknownCommand => "unknown_command",
            Self::MissingCommand => "missing_command",
            Self::InvalidSetting => "invalid_setting",
            Self::Response(_) => {
                let message = response.unwrap_or("error response").to_lowercase();
                return message.replace(|char: char| !char.is_ascii_alphanumeric(), "_");
            }
            Self::Unreachable => "unreachable",
            Self::NoResponse => "no_response",
            Self::TimedOut => "timed_out",
            Self::UndocumentedResponse => "undocumented_response",
            Self::NotReady => "not_ready",
            Self::ContractBroken => "contract_broken",
            Self::OutputFailed => "output_failed",
            Self::OutputClosed => "output_closed",
            Self::Interrupted => "interrupted",
        };
        name.to_owned()
    }
}

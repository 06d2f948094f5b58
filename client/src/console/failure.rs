//! Why a command failed: what happened, what it means, and what to do.

use std::{io, process::ExitCode, time::Duration};

use client::{Error, ResponseValue};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{
    code::{Code, Kind},
    error_message::{ErrorBody, ErrorMessage},
    fault,
    service::Service,
};

/// Why a command failed.
#[derive(Debug)]
pub(super) struct Failure {
    /// What happened, in a sentence.
    pub(super) sentence: String,
    /// What it means and what to do, or nothing.
    pub(super) advice: String,
    /// The id of the trace of the call in the logs of all services.
    pub(super) trace_id: Option<Box<str>>,
    /// Whether only a log has the cause.
    pub(super) is_in_log: bool,
    /// The error that the service responded with, as it wrote it.
    pub(super) response: Option<Box<str>>,
    /// The status of that response.
    pub(super) status: Option<StatusCode>,
    /// Whether the same request may succeed in a moment.
    pub(super) is_transient: bool,
    /// How long the service asks its callers to wait before they try again.
    pub(super) retry_after: Duration,
    pub(super) code: Code,
    /// The kind of `code`, unless the command sees it in another way.
    pub(super) kind: Kind,
}

impl Failure {
    pub(super) fn new(code: Code, sentence: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            advice: advice.into(),
            trace_id: None,
            is_in_log: false,
            response: None,
            status: None,
            is_transient: false,
            retry_after: Duration::ZERO,
            code,
            kind: code.kind(),
        }
    }

    /// The command was interrupted. `rest` says what is done.
    pub(super) fn interrupted(rest: impl Into<String>) -> Self {
        Self::new(Code::Interrupted, "Interrupted.", rest)
    }

    /// Why a call of `service` at `url`, in the trace `trace_id`, failed.
    pub(super) fn of_call<E: ErrorBody>(
        service: Service,
        url: &str,
        trace_id: &str,
        error: &Error<E>,
    ) -> Self {
        let failure = match error {
            Error::ErrorResponse(response) => Self::of_response(service, response),
            Error::InvalidRequest(_) => Self::new(
                Code::InvalidValue,
                format!("The document of {service} does not allow this request."),
                "See `client --help` for what each command accepts.",
            ),
            Error::CommunicationError(cause) => Self::of_connection(service, url, cause),
            other => Self::new(
                Code::UndocumentedResponse,
                format!(
                    "{service} at {url} does not respond as its document says: {}.",
                    client::cause(other)
                ),
                "Something else may be listening there, or another version of the service: run `client check`.",
            ),
        };
        let is_in_log = match error {
            Error::InvalidRequest(_) => false,
            Error::CommunicationError(cause) => !cause.is_connect(),
            Error::ErrorResponse(response) => response.status().is_server_error(),
            _ => true,
        };
        Self {
            trace_id: Some(trace_id.into()),
            is_in_log,
            // A service that was silent for so long is not asked again.
            is_transient: failure.code != Code::TimedOut && (failure.is_transient || error.is_retryable()),
            ..failure
        }
    }

    /// Why `service` at `url` gave no response.
    pub(super) fn of_connection(service: Service, url: &str, error: &reqwest::Error) -> Self {
        let cause = fault::of_connection(error);
        if error.is_connect() {
            return Self::new(
                Code::Unreachable,
                format!("{service} cannot be reached at {url}."),
                format!(
                    "Connecting failed ({cause}). Start the service with `cargo run -p store`, or set {} to its address.",
                    service.url_variable()
                ),
            );
        }
        if fault::is_timeout(error) {
            return Self::new(
                Code::TimedOut,
                format!("{service} at {url} did not respond in time."),
                "The connection was made, but no complete response came. The service may be overloaded or hang: run `client check`.",
            );
        }
        Self::new(
            Code::NoResponse,
            format!("{service} at {url} did not send a complete response."),
            format!("The connection was made, but {cause}. Try again in a moment."),
        )
    }

    fn of_response<E: ErrorBody>(service: Service, response: &ResponseValue<E>) -> Self {
        let (status, text) = (response.status(), response.text());
        let message = response.message(status);
        let advice = match (message, response.detail()) {
            (ErrorMessage::InvalidFields, Some(detail)) => format!("A field has an invalid value: {detail}."),
            (message, Some(detail)) => format!("The service adds: {detail}. {}", message.advice(service)),
            (message, None) => message.advice(service),
        };
        Self {
            is_transient: message == ErrorMessage::RequestInProgress,
            retry_after: client::retry_after(response.headers()).unwrap_or_default(),
            response: Some(text.into()),
            status: Some(status),
            ..Self::new(Code::Response(message), format!("{service} says: {text}."), advice)
        }
    }

    /// The error that the service responded with.
    pub(super) fn message(&self) -> Option<ErrorMessage> {
        match self.code {
            Code::Response(message) => Some(message),
            _ => None,
        }
    }

    /// The trace that has the cause in the logs, if nothing else has it.
    pub(super) fn trace_to_look_for(&self) -> Option<&str> {
        self.trace_id.as_deref().filter(|_| self.is_in_log)
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }

    /// The failure as JSON, for scripts.
    pub(super) fn json(&self) -> Value {
        json!({
            "code": self.code.name(self.response.as_deref()),
            "error": self.response.as_deref().unwrap_or(&self.sentence),
            "status": self.status.map(|status| status.as_u16()),
            "message": self.sentence,
            "advice": self.advice,
            "trace_id": self.trace_to_look_for(),
            "exit_code": self.kind as u8,
        })
    }
}

impl From<io::Error> for Failure {
    /// The output cannot be written.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Code::OutputClosed, "", ""),
            _ => {
                let cause = fault::of_system(&error);
                let advice = "Make room, or send the output elsewhere.";
                Self::new(Code::OutputFailed, format!("The output cannot be written: {cause}."), advice)
            }
        }
    }
}

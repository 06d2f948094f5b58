//! Why a command failed: what happened, what it means, and what to do.

use std::{error, io, iter, process::ExitCode, time::Duration};

use client::{Error, ResponseValue};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{
    error_message::{ErrorBody, ErrorMessage},
    service::Service,
};

/// Why a command failed.
#[derive(Debug)]
pub(super) struct Failure {
    /// What happened, in a sentence.
    pub(super) sentence: String,
    /// What it means and what to do, or nothing.
    pub(super) advice: String,
    /// The id of the trace in the logs of all services, if only a log has the cause.
    pub(super) trace_id: Option<String>,
    /// The error that the service responded with.
    pub(super) error: Option<Box<ApiError>>,
    /// Whether the same request may succeed in a moment.
    pub(super) is_transient: bool,
    /// How long the service asks its callers to wait before they try again.
    pub(super) retry_after: Duration,
    pub(super) kind: Kind,
}

/// The error in a response.
#[derive(Debug)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) message: ErrorMessage,
    /// The message as the service wrote it.
    pub(super) text: String,
}

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

impl Failure {
    pub(super) fn new(kind: Kind, sentence: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            advice: advice.into(),
            trace_id: None,
            error: None,
            is_transient: false,
            retry_after: Duration::ZERO,
            kind,
        }
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
                Kind::Usage,
                format!("The document of {service} does not allow this request."),
                "See `client --help` for what each command accepts.",
            ),
            Error::CommunicationError(cause) => Self::of_connection(service, url, cause),
            other => Self::new(
                Kind::Unreachable,
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
            trace_id: is_in_log.then(|| trace_id.to_owned()),
            is_transient: failure.is_transient || error.is_retryable(),
            ..failure
        }
    }

    /// Why `service` at `url` gave no response.
    pub(super) fn of_connection(service: Service, url: &str, error: &reqwest::Error) -> Self {
        let cause = root(error);
        if error.is_connect() {
            return Self::new(
                Kind::Unreachable,
                format!("{service} cannot be reached at {url}."),
                format!(
                    "Connecting failed ({cause}). Start the service with `cargo run --release -p store`, or set {} to its address.",
                    service.url_variable()
                ),
            );
        }
        Self::new(
            Kind::Unreachable,
            format!("{service} at {url} did not send a complete response."),
            format!(
                "The connection was made, but the response did not arrive ({cause}). Try again in a moment."
            ),
        )
    }

    fn of_response<E: ErrorBody>(service: Service, response: &ResponseValue<E>) -> Self {
        let status = response.status();
        let error = ApiError { status, message: response.message(status), text: response.text().to_owned() };
        let advice = match (error.message, response.detail()) {
            (ErrorMessage::InvalidFields, Some(detail)) => format!("A field has an invalid value: {detail}."),
            (message, Some(detail)) => format!("The service adds: {detail}. {}", message.advice(service)),
            (message, None) => message.advice(service),
        };
        let sentence = format!("{service} says: {}.", error.text);
        Self {
            is_transient: error.message == ErrorMessage::RequestInProgress,
            retry_after: client::retry_after(response.headers()).unwrap_or_default(),
            error: Some(Box::new(error)),
            ..Self::new(Kind::Failed, sentence, advice)
        }
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }

    /// The failure as JSON, for scripts.
    pub(super) fn json(&self) -> Value {
        json!({
            "error": self.error.as_ref().map_or(&self.sentence, |error| &error.text),
            "status": self.error.as_ref().map(|error| error.status.as_u16()),
            "message": self.sentence,
            "advice": self.advice,
            "trace_id": self.trace_id,
            "exit_code": self.kind as u8,
        })
    }
}

impl From<io::Error> for Failure {
    /// The terminal cannot be read, or the output cannot be written.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Kind::OutputClosed, "", ""),
            io::ErrorKind::Interrupted | io::ErrorKind::UnexpectedEof => {
                Self::new(Kind::Interrupted, "Interrupted.", "")
            }
            _ => Self::new(Kind::Failed, format!("The output cannot be written: {error}."), ""),
        }
    }
}

/// The innermost cause, which says most.
fn root(error: &dyn error::Error) -> String {
    let causes = iter::successors(Some(error), |cause| cause.source());
    causes.last().unwrap_or(error).to_string()
}

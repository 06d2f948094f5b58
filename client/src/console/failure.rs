//! Why something was not done, in words: the text of the service, what it means, and what to do.

use std::{error, fmt::Debug, io, iter, process::ExitCode, time::Duration};

use client::{Error, ResponseValue};
use serde::Serialize;
use serde_json::{Value, json};

/// Why something was not done.
#[derive(Debug)]
pub(super) struct Failure {
    /// What has happened, in a sentence.
    pub(super) sentence: String,
    /// What it means and what to do, if there is something to say.
    pub(super) advice: String,
    /// The id of the trace that the logs of all services have it under, where nobody can tell the cause but a log.
    pub(super) trace_id: Option<String>,
    /// The text that the service refused with.
    pub(super) refusal: Option<String>,
    /// Whether the same request may be answered otherwise in a moment.
    pub(super) is_passing: bool,
    /// How long the service asks to be left alone.
    pub(super) retry_after: Duration,
    pub(super) kind: Kind,
}

/// What kind of failure it is, which is also the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whoever read what is printed has stopped, which is theirs to do.
    Unread = 0,
    Refused = 1,
    Wrong = 2,
    OutOfReach = 3,
    /// As shells have it for programs that were interrupted.
    Interrupted = 130,
}

impl Failure {
    pub(super) fn new(kind: Kind, sentence: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            advice: advice.into(),
            trace_id: None,
            refusal: None,
            is_passing: false,
            retry_after: Duration::ZERO,
            kind,
        }
    }

    /// Why a call of `service` at `url`, in the trace `trace_id`, came to nothing.
    pub(super) fn of_call<E: Serialize + Debug>(
        service: &str,
        url: &str,
        trace_id: &str,
        error: Error<E>,
    ) -> Self {
        let is_retryable = error.is_retryable();
        let failure = match &error {
            Error::ErrorResponse(answer) => Self::of_refusal(service, trace_id, answer),
            Error::InvalidRequest(reason) => {
                Self::new(Kind::Wrong, format!("That cannot be sent to {service}: {reason}."), "")
            }
            Error::CommunicationError(cause) if cause.is_connect() => Self::new(
                Kind::OutOfReach,
                format!("{service} cannot be reached at {url}."),
                format!(
                    "Nobody answers there ({}). Start it with `cargo run --release -p store`, or say where it is with {}_URL.",
                    root(cause),
                    service.to_uppercase()
                ),
            ),
            Error::CommunicationError(cause) => Self {
                trace_id: Some(trace_id.to_owned()),
                ..Self::new(
                    Kind::OutOfReach,
                    format!("{service} at {url} gave no whole answer."),
                    format!(
                        "It is there, but the answer did not come ({}). Try again in a moment.",
                        root(cause)
                    ),
                )
            },
            other => Self {
                trace_id: Some(trace_id.to_owned()),
                ..Self::new(
                    Kind::OutOfReach,
                    format!(
                        "{service} at {url} does not answer as its document says: {}.",
                        client::cause(other)
                    ),
                    "Something else may be listening there, or another version of the service; see `client check`.",
                )
            },
        };
        Self { is_passing: failure.is_passing || is_retryable, ..failure }
    }

    fn of_refusal<E: Serialize>(service: &str, trace_id: &str, answer: &ResponseValue<E>) -> Self {
        let body = serde_json::to_value(&**answer).unwrap_or_default();
        let text = body["error"].as_str().unwrap_or_default();
        let advice = match body["detail"].as_str() {
            Some(detail) => format!("A field has a value that is not taken: {detail}."),
            None => advice(service, text),
        };
        Self {
            trace_id: answer.status().is_server_error().then(|| trace_id.to_owned()),
            is_passing: text == "Request in progress",
            retry_after: client::retry_after(answer.headers()).unwrap_or_default(),
            refusal: Some(text.to_owned()),
            ..Self::new(Kind::Refused, format!("{service} says: {text}."), advice)
        }
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }

    /// For machines.
    pub(super) fn json(&self) -> Value {
        json!({
            "error": self.refusal.as_deref().unwrap_or(&self.sentence),
            "message": self.sentence,
            "advice": self.advice,
            "trace_id": self.trace_id,
            "exit_code": self.kind as u8,
        })
    }
}

impl From<io::Error> for Failure {
    /// The terminal or whatever takes what is printed does not go on.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Kind::Unread, "", ""),
            io::ErrorKind::Interrupted | io::ErrorKind::UnexpectedEof => {
                Self::new(Kind::Interrupted, "It was interrupted.", "")
            }
            _ => Self::new(Kind::Refused, format!("The answer cannot be written: {error}."), ""),
        }
    }
}

/// The first cause, which says most.
fn root(error: &dyn error::Error) -> String {
    let causes = iter::successors(Some(error), |cause| cause.source());
    causes.last().unwrap_or(error).to_string()
}

/// What a refusal means and what can be done about it.
fn advice(service: &str, text: &str) -> String {
    let advice = match text {
        "Missing fields" => {
            "It wants a field that this console does not send: they are of different versions; see `client check`."
        }
        "Malformed request" => {
            "Something between here and there may have changed the request: look for a proxy."
        }
        "Invalid fields" => "A field has a value that is not taken.",
        "Request timeout" => "The request did not arrive in time. Try again in a moment.",
        "Payload too large" => "What was sent is longer than it takes. Send less.",
        "Unsupported media type" => {
            "It does not take JSON: something else may be listening there; see `client check`."
        }
        "Unauthorized" => {
            let setting = service.to_uppercase();
            return format!(
                "It does not know the token that was sent. Set {setting}_TOKEN to the token that it was started with."
            );
        }
        "Product not found" => {
            "There is no product with this id. `client products list` shows what there is."
        }
        "Product not found or unavailable" => {
            "There is no product with this id, or products did not answer. `client products list` shows what there is."
        }
        "Not enough stock" => {
            "There is less of the product than was ordered. Order fewer, or see the stock with `client products show`."
        }
        "Order not found" => {
            "There is no order with this id. `client orders create` says the id of a new one."
        }
        "Order not found or unavailable" => {
            "There is no order with this id, or orders did not answer. `client orders show` tells which."
        }
        "Payment not found" => {
            "There is no payment with this id. `client payments create` says the id of a new one."
        }
        "Idempotency key reused" => "Another request had this key. Use a new key for a new request.",
        "Request in progress" => "The first request with this key is still under way. Repeat it in a moment.",
        "Service unavailable" => {
            "Nothing was done: it has more to do than it takes on, or it is stopping. Try again in a moment."
        }
        "Internal error" => {
            "Something is wrong inside the service. Whoever runs it finds the cause in its log."
        }
        _ => "",
    };
    advice.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_that_a_document_lists_is_explained() {
        let documents = [
            ("products", include_str!("../../../openapi/products.json")),
            ("orders", include_str!("../../../openapi/orders.json")),
            ("payments", include_str!("../../../openapi/payments.json")),
        ];
        let mut texts = 0;
        for (service, document) in documents {
            let document: Value = serde_json::from_str(document).unwrap();
            let schemas = document["components"]["schemas"].as_object().unwrap();
            let messages = schemas.iter().filter(|(name, _)| name.ends_with("ErrorMessage"));
            for text in messages.flat_map(|(_, schema)| schema["enum"].as_array().unwrap()) {
                assert_ne!(advice(service, text.as_str().unwrap()), "", "{text}");
                texts += 1;
            }
        }
        assert!(texts > 16, "{texts}");
    }
}

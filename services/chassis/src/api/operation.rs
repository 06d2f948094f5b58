//! Operations. Each declares its errors, and its error type puts them into the document.

use std::marker::PhantomData;

use poem::http::StatusCode;
use poem_openapi::{
    ApiResponse,
    registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
};

use crate::{
    error::{ApiError, ErrorMessage, INVALID_FIELDS, UNAUTHORIZED},
    wire::{describe, json},
};

/// An operation of an API and the errors that it can return.
pub trait Operation: Send + Sync + 'static {
    /// The prefix of its schemas: `<NAME>ErrorBody` is the body of its errors, `<NAME>ErrorMessage` the enum of their texts.
    const NAME: &'static str;
    /// Every error that it can return, in groups that operations share.
    const ERRORS: &'static [&'static [ErrorMessage]];
}

/// Declares the operations of an API: a type for each, with the groups of errors that it can return.
#[macro_export]
macro_rules! operations {
    ($($operation:ident: [$($errors:expr),+ $(,)?];)+) => {$(
        struct $operation;

        impl $crate::api::operation::Operation for $operation {
            const NAME: &'static str = stringify!($operation);
            const ERRORS: &'static [&'static [$crate::error::ErrorMessage]] = &[$($errors),+];
        }
    )+};
}

/// An error of operation `O`. The document has one schema for it, whose `error` is an `enum` of every text of `O`, and one
/// response for each status, whose description names the texts of that status in backticks.
#[derive(Debug)]
pub struct OperationError<O> {
    error: ApiError,
    operation: PhantomData<O>,
}

impl<O: Operation, E: Into<ApiError>> From<E> for OperationError<O> {
    fn from(error: E) -> Self {
        let error = error.into();
        debug_assert!(
            texts::<O>().any(|known| known == error.message),
            "{error} is not an error of {}",
            O::NAME
        );
        Self { error, operation: PhantomData }
    }
}

impl<O> From<OperationError<O>> for poem::Error {
    fn from(error: OperationError<O>) -> Self {
        error.error.into()
    }
}

fn texts<O: Operation>() -> impl Iterator<Item = ErrorMessage> {
    O::ERRORS.iter().copied().flatten().copied()
}

/// The description of each enum of texts.
const MESSAGE_DESCRIPTION: &str = "The exact text of the error. A later version may have others: handle one that you do not know by the status.";

impl<O: Operation> ApiResponse for OperationError<O> {
    fn meta() -> MetaResponses {
        let mut statuses: Vec<StatusCode> = texts::<O>().map(|message| message.status).collect();
        statuses.sort();
        statuses.dedup();
        let responses = statuses.into_iter().map(|status| MetaResponse {
            description: in_backticks(texts::<O>().filter(|message| message.status == status)),
            status: Some(status.as_u16()),
            status_range: None,
            content: vec![MetaMediaType {
                content_type: json::CONTENT_TYPE,
                schema: MetaSchemaRef::Reference(body_name::<O>()),
            }],
            headers: headers_of(texts::<O>().filter(|message| message.status == status)),
        });
        MetaResponses { responses: responses.collect() }
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<O, _>(message_name::<O>(), |_| MetaSchema {
            description: Some(MESSAGE_DESCRIPTION),
            enum_items: texts::<O>().map(|message| message.text.into()).collect(),
            ..MetaSchema::new("string")
        });
        registry.create_schema::<Self, _>(body_name::<O>(), |_| {
            let detail = MetaSchema {
                description: Some("Which field is invalid, and why. Only `Invalid fields` has it."),
                ..MetaSchema::new("string")
            };
            let mut properties = vec![("error", MetaSchemaRef::Reference(message_name::<O>()))];
            if texts::<O>().any(|message| message == INVALID_FIELDS) {
                properties.push(("detail", MetaSchemaRef::Inline(Box::new(detail))));
            }
            MetaSchema {
                description: Some("The body of an error response."),
                required: vec!["error"],
                properties,
                ..MetaSchema::new("object")
            }
        });
    }
}

fn body_name<O: Operation>() -> String {
    format!("{}ErrorBody", O::NAME)
}

fn message_name<O: Operation>() -> String {
    format!("{}ErrorMessage", O::NAME)
}

/// The texts in backticks. A process builds its document once, so leaking the string costs nothing.
fn in_backticks(messages: impl Iterator<Item = ErrorMessage>) -> &'static str {
    let texts: Vec<String> = messages.map(|message| format!("`{}`", message.text)).collect();
    texts.join(" or ").leak()
}

/// The headers of the response with these messages, which share a status.
fn headers_of(messages: impl Iterator<Item = ErrorMessage>) -> Vec<MetaHeader> {
    let messages: Vec<ErrorMessage> = messages.collect();
    let mut headers = Vec::new();
    if messages.contains(&UNAUTHORIZED) {
        let description = "The authentication scheme to use (RFC 6750, section 3).";
        headers.push(describe::header("WWW-Authenticate", description, true, MetaSchema::new("string")));
    }
    if messages.iter().any(|message| message.is_retryable) {
        let seconds = MetaSchema { minimum: Some(0.0), maximum: Some(3600.0), ..MetaSchema::new("integer") };
        let description = "Seconds to wait before retrying (RFC 9110, section 10.2.3).";
        let is_always_there = messages.iter().all(|message| message.is_retryable);
        headers.push(describe::header("Retry-After", description, is_always_there, seconds));
    }
    headers
}

//! Refusals: the error shape, every text that all services share, and the one place that turns any failure into it.
//!
//! A [`Refusal`] is a sentence of the contract. A [`Refused`] is that sentence on its way to one caller.
//! An [`OperationError`] is a `Refused` that knows the operation it belongs to, and puts into the document
//! everything that the operation can answer. What went wrong inside is logged here and never sent.

use std::{fmt, marker::PhantomData};

use poem::{
    IntoResponse, Response,
    error::ResponseError,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
};
use serde::Serialize;

use crate::json;

/// One thing that an API can refuse with: a status and its exact text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status of the answer.
    pub status: StatusCode,
    /// The value of `error` in the body, to the letter.
    pub text: &'static str,
    /// Whether the same request may succeed a little later, which `Retry-After` says.
    is_retryable: bool,
}

impl Refusal {
    /// A refusal that a service has beside the shared ones below.
    pub const fn new(status: StatusCode, text: &'static str) -> Self {
        Self { status, text, is_retryable: false }
    }

    /// This refusal, of a request that may succeed a little later.
    pub const fn retryable(self) -> Self {
        Self { is_retryable: true, ..self }
    }

    /// This refusal with words about what is wrong in this very request.
    pub fn because(self, detail: impl Into<String>) -> Refused {
        Refused { refusal: self, detail: Some(detail.into()), header: None }
    }

    /// This refusal with a header that tells the caller what to do.
    pub fn with_header(self, name: HeaderName, value: HeaderValue) -> Refused {
        Refused { refusal: self, detail: None, header: Some((name, value)) }
    }
}

/// A field is absent, `null`, or a text that must not be empty.
pub const MISSING_FIELDS: Refusal = Refusal::new(StatusCode::BAD_REQUEST, "Missing fields");
/// A field or a parameter is there but wrong; the only refusal with a `detail`.
pub const INVALID_FIELDS: Refusal = Refusal::new(StatusCode::BAD_REQUEST, "Invalid fields");
/// The head could be read in more than one way, or is none.
pub const MALFORMED_REQUEST: Refusal = Refusal::new(StatusCode::BAD_REQUEST, "Malformed request");
/// No token, or not the one of this service.
pub const UNAUTHORIZED: Refusal = Refusal::new(StatusCode::UNAUTHORIZED, "Unauthorized");
/// No such path.
pub const NOT_FOUND: Refusal = Refusal::new(StatusCode::NOT_FOUND, "Not found");
/// The path is there, but not with this method.
pub const METHOD_NOT_ALLOWED: Refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed");
/// The body did not arrive in time.
pub const REQUEST_TIMEOUT: Refusal = Refusal::new(StatusCode::REQUEST_TIMEOUT, "Request timeout");
/// The body is larger than [`json::BODY_LIMIT`].
pub const PAYLOAD_TOO_LARGE: Refusal = Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "Payload too large");
/// The body does not say that it is JSON.
pub const UNSUPPORTED_MEDIA_TYPE: Refusal =
    Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type");
/// Something unexpected happened in the service.
pub const INTERNAL_ERROR: Refusal = Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal error");
/// The service has more to do than it takes on, or cannot reach its database for the moment.
pub const SERVICE_UNAVAILABLE: Refusal =
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "Service unavailable").retryable();

/// What every operation can refuse with.
pub const ANY_OPERATION: &[Refusal] = &[MALFORMED_REQUEST, UNAUTHORIZED, INTERNAL_ERROR, SERVICE_UNAVAILABLE];
/// What an operation with a JSON body can refuse with, beside [`ANY_OPERATION`].
pub const WITH_BODY: &[Refusal] =
    &[MISSING_FIELDS, INVALID_FIELDS, REQUEST_TIMEOUT, PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE];

/// After how many seconds a caller may come again.
const RETRY_AFTER_SECONDS: &str = "1";

/// A refusal on its way to one caller.
#[derive(Debug, thiserror::Error)]
#[error("{}", refusal.text)]
pub struct Refused {
    refusal: Refusal,
    detail: Option<String>,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refused {
    /// 500 for the caller, `cause` for the log.
    pub fn internal(cause: impl fmt::Display) -> Self {
        tracing::error!(%cause, "unexpected failure");
        INTERNAL_ERROR.into()
    }

    /// 503 for the caller, `cause` for the log.
    pub fn unavailable(cause: impl fmt::Display) -> Self {
        tracing::warn!(%cause, "not available");
        SERVICE_UNAVAILABLE.into()
    }

    /// Whatever an operation failed with, as a refusal.
    pub(crate) fn from_failure(error: poem::Error) -> Self {
        match error.downcast::<Refused>() {
            Ok(refused) => refused,
            Err(error) => Self::internal(format!("{error} ({})", error.status())),
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let header = refusal
            .is_retryable
            .then(|| (header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS)));
        Self { refusal, detail: None, header }
    }
}

impl ResponseError for Refused {
    fn status(&self) -> StatusCode {
        self.refusal.status
    }

    fn as_response(&self) -> Response {
        #[derive(Serialize)]
        struct Body<'a> {
            error: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            detail: Option<&'a str>,
        }
        let body = Body { error: self.refusal.text, detail: self.detail.as_deref() };
        let mut response = json::response(self.refusal.status, &body);
        if let Some((name, value)) = &self.header {
            response.headers_mut().insert(name, value.clone());
        }
        response
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.as_response()
    }
}

/// An operation of an API, as far as its refusals go.
pub trait Operation: Send + Sync + 'static {
    /// What the operation's schemas are called after: `<NAME>Error` is its error, `<NAME>Refusal` the enum of its texts.
    const NAME: &'static str;
    /// Everything that the operation can refuse with, in groups that operations share.
    const REFUSALS: &'static [&'static [Refusal]];
}

/// What operation `O` answers when it refuses. In the document it is one schema whose `error` is an `enum` of every
/// text of `O`, and one response a status, whose description names the texts of that status in backticks.
#[derive(Debug)]
pub struct OperationError<O> {
    refused: Refused,
    operation: PhantomData<O>,
}

impl<O: Operation, E: Into<Refused>> From<E> for OperationError<O> {
    fn from(error: E) -> Self {
        let refused = error.into();
        debug_assert!(
            texts::<O>().any(|known| known == refused.refusal),
            "{refused} is no refusal of {}",
            O::NAME
        );
        Self { refused, operation: PhantomData }
    }
}

impl<O> From<OperationError<O>> for poem::Error {
    fn from(error: OperationError<O>) -> Self {
        error.refused.into()
    }
}

fn texts<O: Operation>() -> impl Iterator<Item = Refusal> {
    O::REFUSALS.iter().copied().flatten().copied()
}

impl<O: Operation> ApiResponse for OperationError<O> {
    fn meta() -> MetaResponses {
        let mut statuses: Vec<StatusCode> = texts::<O>().map(|refusal| refusal.status).collect();
        statuses.sort();
        statuses.dedup();
        let responses = statuses.into_iter().map(|status| MetaResponse {
            description: describe(texts::<O>().filter(|refusal| refusal.status == status)),
            status: Some(status.as_u16()),
            status_range: None,
            content: vec![MetaMediaType {
                content_type: json::CONTENT_TYPE,
                schema: MetaSchemaRef::Reference(error_name::<O>()),
            }],
            headers: headers_of(texts::<O>().filter(|refusal| refusal.status == status)),
        });
        MetaResponses { responses: responses.collect() }
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<O, _>(refusal_name::<O>(), |_| MetaSchema {
            description: Some("What the request was refused with, to the letter."),
            enum_items: texts::<O>().map(|refusal| refusal.text.into()).collect(),
            ..MetaSchema::new("string")
        });
        registry.create_schema::<Self, _>(error_name::<O>(), |_| {
            let detail = MetaSchema {
                description: Some("What is wrong, in words; only with `Invalid fields`."),
                ..MetaSchema::new("string")
            };
            let mut properties = vec![("error", MetaSchemaRef::Reference(refusal_name::<O>()))];
            if texts::<O>().any(|refusal| refusal == INVALID_FIELDS) {
                properties.push(("detail", MetaSchemaRef::Inline(Box::new(detail))));
            }
            MetaSchema {
                description: Some("Why the request was refused."),
                required: vec!["error"],
                properties,
                ..MetaSchema::new("object")
            }
        });
    }
}

fn error_name<O: Operation>() -> String {
    format!("{}Error", O::NAME)
}

fn refusal_name<O: Operation>() -> String {
    format!("{}Refusal", O::NAME)
}

/// The texts in backticks. Documents are made once in a process's life, so a leaked string is no leak.
fn describe(refusals: impl Iterator<Item = Refusal>) -> &'static str {
    let texts: Vec<String> = refusals.map(|refusal| format!("`{}`", refusal.text)).collect();
    texts.join(" or ").leak()
}

/// The headers of the answers with one status, which is that of each of `refusals`.
fn headers_of(refusals: impl Iterator<Item = Refusal>) -> Vec<MetaHeader> {
    let refusals: Vec<Refusal> = refusals.collect();
    let mut headers = Vec::new();
    if refusals.contains(&UNAUTHORIZED) {
        let description = "How to authenticate (RFC 6750, section 3).";
        headers.push(response_header("WWW-Authenticate", description, true, MetaSchema::new("string")));
    }
    if refusals.iter().any(|refusal| refusal.is_retryable) {
        let seconds = MetaSchema { minimum: Some(0.0), maximum: Some(3600.0), ..MetaSchema::new("integer") };
        let description = "After how many seconds to come again (RFC 9110, section 10.2.3).";
        let is_always_there = refusals.iter().all(|refusal| refusal.is_retryable);
        headers.push(response_header("Retry-After", description, is_always_there, seconds));
    }
    headers
}

/// A header of a response, as the document describes it.
pub(crate) fn response_header(
    name: &str,
    description: &str,
    required: bool,
    schema: MetaSchema,
) -> MetaHeader {
    MetaHeader {
        name: name.into(),
        description: Some(description.into()),
        required,
        deprecated: false,
        schema: MetaSchemaRef::Inline(Box::new(schema)),
    }
}

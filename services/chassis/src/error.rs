//! Errors: their form on the wire, the messages that all services share, and the one place that turns any failure into a status
//! and a message.
//!
//! An [`ErrorMessage`] is a fixed text of the contract. An [`ApiError`] is such a text for one request, with a cause for the log,
//! which the request handler writes once.

use std::fmt;

use poem::{
    IntoResponse, Response,
    error::ResponseError,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use serde::Serialize;

use crate::{context::RequestContext, storage, wire::json};

/// An error of an API: a status and its exact text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorMessage {
    /// The status of the response.
    pub status: StatusCode,
    /// The value of `error` in the body, to the letter.
    pub text: &'static str,
    /// Whether the same request may succeed later, which `Retry-After` says.
    pub(crate) is_retryable: bool,
}

impl ErrorMessage {
    /// A message of one service, in addition to the shared ones below.
    pub const fn new(status: StatusCode, text: &'static str) -> Self {
        Self { status, text, is_retryable: false }
    }

    /// The same message, with `Retry-After`.
    pub const fn retryable(self) -> Self {
        Self { is_retryable: true, ..self }
    }

    /// An error whose `detail` tells the caller what is wrong with this request.
    pub fn with_detail(self, detail: impl Into<String>) -> ApiError {
        ApiError { detail: Some(detail.into().into()), ..self.into() }
    }

    /// An error with a header that tells the caller what to do.
    pub fn with_header(self, name: HeaderName, value: HeaderValue) -> ApiError {
        ApiError { header: Some(Box::new((name, value))), ..self.into() }
    }

    /// An error with a cause, which only the log gets.
    pub fn caused_by(self, cause: impl fmt::Display) -> ApiError {
        ApiError::from(self).caused_by(cause)
    }
}

/// A field is absent, `null`, or a text that must not be empty.
pub const MISSING_FIELDS: ErrorMessage = ErrorMessage::new(StatusCode::BAD_REQUEST, "Missing fields");
/// A field or a parameter is there but wrong; the only error with a `detail`.
pub const INVALID_FIELDS: ErrorMessage = ErrorMessage::new(StatusCode::BAD_REQUEST, "Invalid fields");
/// The head of the request is invalid or ambiguous.
pub const MALFORMED_REQUEST: ErrorMessage = ErrorMessage::new(StatusCode::BAD_REQUEST, "Malformed request");
/// No token, or a wrong one.
pub const UNAUTHORIZED: ErrorMessage = ErrorMessage::new(StatusCode::UNAUTHORIZED, "Unauthorized");
/// No such path.
pub const NOT_FOUND: ErrorMessage = ErrorMessage::new(StatusCode::NOT_FOUND, "Not found");
/// The path is there, but not with this method.
pub const METHOD_NOT_ALLOWED: ErrorMessage =
    ErrorMessage::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed");
/// The body did not arrive in time.
pub const REQUEST_TIMEOUT: ErrorMessage = ErrorMessage::new(StatusCode::REQUEST_TIMEOUT, "Request timeout");
/// The body is larger than the limit of 64 KiB.
pub const PAYLOAD_TOO_LARGE: ErrorMessage =
    ErrorMessage::new(StatusCode::PAYLOAD_TOO_LARGE, "Payload too large");
/// The content type of the body is not JSON, or its content encoding is not supported.
pub const UNSUPPORTED_MEDIA_TYPE: ErrorMessage =
    ErrorMessage::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type");
/// Something unexpected happened in the service.
pub const INTERNAL_ERROR: ErrorMessage =
    ErrorMessage::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal error");
/// The service is overloaded, or its database is not available at the moment.
pub const SERVICE_UNAVAILABLE: ErrorMessage =
    ErrorMessage::new(StatusCode::SERVICE_UNAVAILABLE, "Service unavailable").retryable();

/// The errors of every operation.
pub const ANY_OPERATION: &[ErrorMessage] =
    &[MALFORMED_REQUEST, UNAUTHORIZED, INTERNAL_ERROR, SERVICE_UNAVAILABLE];
/// Further errors of an operation with a JSON body.
pub const WITH_BODY: &[ErrorMessage] =
    &[MISSING_FIELDS, INVALID_FIELDS, REQUEST_TIMEOUT, PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE];

/// Seconds before the next attempt.
const RETRY_AFTER_SECONDS: &str = "1";

/// An error for one caller.
#[derive(Debug, thiserror::Error)]
#[error("{}", message.text)]
pub struct ApiError {
    pub(crate) message: ErrorMessage,
    pub(crate) detail: Option<Box<str>>,
    /// Boxed, like the texts, so that results stay small.
    header: Option<Box<(HeaderName, HeaderValue)>>,
    /// What went wrong, for the log.
    cause: Option<Box<str>>,
}

impl ApiError {
    /// 500 for the caller, `cause` for the log.
    pub fn internal(cause: impl fmt::Display) -> Self {
        INTERNAL_ERROR.caused_by(cause)
    }

    /// 503 for the caller, `cause` for the log.
    pub fn unavailable(cause: impl fmt::Display) -> Self {
        SERVICE_UNAVAILABLE.caused_by(cause)
    }

    /// The same error with a cause, which only the log gets.
    pub fn caused_by(self, cause: impl fmt::Display) -> Self {
        Self { cause: Some(cause.to_string().into()), ..self }
    }

    /// What went wrong, for the log.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The cause, or else the message, of an error that no response has.
    pub fn into_cause(self) -> String {
        self.cause.map_or_else(|| self.message.text.to_owned(), String::from)
    }

    /// The error that an operation failed with.
    pub(crate) fn from_failure(error: poem::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => error,
            Err(error) => Self::internal(format!("{error} ({})", error.status())),
        }
    }
}

/// Reads the context of the current request.
///
/// # Errors
/// There is none: an operation was called by something else than this server.
pub(crate) fn in_request<T>(read: impl FnOnce(&RequestContext) -> T) -> Result<T, ApiError> {
    RequestContext::with(read).ok_or_else(|| ApiError::internal("no request is being handled"))
}

impl From<ErrorMessage> for ApiError {
    fn from(message: ErrorMessage) -> Self {
        let retry_after = (header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        let header = message.is_retryable.then(|| Box::new(retry_after));
        Self { message, detail: None, header, cause: None }
    }
}

impl From<storage::Error> for ApiError {
    fn from(error: storage::Error) -> Self {
        if error.is_temporary() { Self::unavailable(error) } else { Self::internal(error) }
    }
}

impl ResponseError for ApiError {
    fn status(&self) -> StatusCode {
        self.message.status
    }

    fn as_response(&self) -> Response {
        #[derive(Serialize)]
        struct Body<'a> {
            error: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            detail: Option<&'a str>,
        }
        let body = Body { error: self.message.text, detail: self.detail.as_deref() };
        let mut response = json::response(self.message.status, &body);
        if let Some(header) = &self.header {
            let (name, value) = &**header;
            response.headers_mut().insert(name, value.clone());
        }
        response
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.as_response()
    }
}

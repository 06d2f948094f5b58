//! Reads a response whole, up to a limit, and describes errors without their content.

use std::{
    error, fmt, iter,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{
    header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER},
    response::Parts,
};
use http_body_util::{BodyExt, Collected, Limited};
use hyper::body::Body;
use reqwest::{Response, ResponseBuilderExt, Url};
use serde::{Serialize, de::IgnoredAny};
use serde_json::error::Category;

/// The largest response body that a client reads, in bytes. The longest page of a list is smaller.
pub const RESPONSE_LIMIT: usize = 4 * 1024 * 1024;

/// Describes why a call failed, with all causes, in one line for a log.
///
/// Of the response body it contains only a documented error message, since a body may hold a token or a name.
pub fn cause<E: fmt::Debug + Serialize>(error: &progenitor_client::Error<E>) -> String {
    match error {
        progenitor_client::Error::InvalidRequest(_) => "the document does not allow the request".to_owned(),
        progenitor_client::Error::ErrorResponse(response) => {
            let body = serde_json::to_value(&**response).unwrap_or_default();
            format!("{}: {}", response.status(), body["error"].as_str().unwrap_or_default())
        }
        progenitor_client::Error::UnexpectedResponse(response) => {
            format!("{}, which is not documented", response.status())
        }
        progenitor_client::Error::InvalidResponsePayload(body, error) => {
            format!("an undocumented response: {}", fault(body, error))
        }
        _ => {
            // The outermost text repeats its source, where there is one.
            let outer = error::Error::source(error).unwrap_or(error);
            let first = outer.source().unwrap_or(outer);
            let causes = iter::successors(Some(first), |cause| cause.source());
            causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
        }
    }
}

/// How long a service asks its callers to wait before they try again (`Retry-After`, RFC 9110, section 10.2.3).
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let time = httpdate::parse_http_date(text).ok()?;
    Some(time.duration_since(SystemTime::now()).unwrap_or_default())
}

/// Describes a body that cannot be parsed, without the text of `error`, which may quote it.
fn fault(body: &Bytes, error: &serde_json::Error) -> String {
    // Only `whole` produces a body that begins like this.
    if let Some(description) = body.strip_prefix(b"(").and_then(|rest| rest.strip_suffix(b")")) {
        return String::from_utf8_lossy(description).into_owned();
    }
    let fault = match error.classify() {
        Category::Data => "of another shape",
        Category::Eof => "cut off",
        Category::Syntax | Category::Io => "malformed",
    };
    format!("{} bytes of JSON, {fault} at line {} column {}", body.len(), error.line(), error.column())
}

/// Reads the whole body of a response from `url`, up to [`RESPONSE_LIMIT`] bytes.
pub(crate) async fn whole<B>(response: http::Response<B>, url: &Url) -> Result<Response, B::Error>
where
    B: Body<Error: error::Error + Send + Sync + 'static>,
{
    let (head, body) = response.into_parts();
    let bytes = match Limited::new(body, RESPONSE_LIMIT).collect().await.map(Collected::to_bytes) {
        Ok(bytes) => match unreadable(&head, &bytes) {
            None => bytes,
            Some(fault) => described(&head, &format!("{} bytes", bytes.len()), fault),
        },
        Err(error) => match error.downcast::<B::Error>() {
            Ok(error) => return Err(*error),
            Err(_) => {
                described(&head, &format!("more than {RESPONSE_LIMIT} bytes"), "a body that is too long")
            }
        },
    };
    // Without a URL, reqwest would parse one of its own.
    let mut whole = http::Response::builder().status(head.status).url(url.clone());
    if let Some(headers) = whole.headers_mut() {
        *headers = head.headers;
    }
    Ok(whole.body(bytes).unwrap_or_default().into())
}

/// Why no document can describe this body.
fn unreadable(head: &Parts, body: &[u8]) -> Option<&'static str> {
    // serde_json does not check the fields that it skips, but all of JSON is UTF-8 (RFC 8259, section 8.1).
    if str::from_utf8(body).is_err() {
        return Some("a body that is not UTF-8");
    }
    // Errors are short. The body of a success is parsed once, by the generated client.
    let is_json = match head.status.is_success() {
        true => matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')),
        false => serde_json::from_slice::<IgnoredAny>(body).is_ok(),
    };
    (!is_json).then_some("a body that is no JSON")
}

/// Replaces a body by a description that may be logged.
fn described(head: &Parts, length: &str, fault: &str) -> Bytes {
    let media_type =
        head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("no type");
    let essence = media_type.split(';').next().unwrap_or_default();
    format!("({}, {essence}, {length}: {fault})", head.status).into()
}

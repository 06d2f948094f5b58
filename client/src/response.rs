//! Reads a whole response, up to a limit, and describes errors without their content.

use std::{
    borrow::Cow,
    error, iter,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{
    header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER},
    response::Parts,
};
use http_body_util::{BodyExt, Limited};
use hyper::body::Body;
use reqwest::{Response, ResponseBuilderExt, Url};
use serde::Deserialize;
use serde_json::error::Category;

use crate::error_body::{self, ErrorBody};

/// The largest response body that a client reads, in bytes. The longest page of a list is smaller.
pub const RESPONSE_LIMIT: usize = 4 * 1024 * 1024;

/// Describes why a call failed, with all causes, in one line for a log.
///
/// Of the response body it contains only the error message, and that only if it is documented or plain words, since a body may
/// hold a token or a name.
pub fn cause<E: ErrorBody>(error: &progenitor_client::Error<E>) -> String {
    match error {
        progenitor_client::Error::InvalidRequest(_) => "the document does not allow the request".to_owned(),
        progenitor_client::Error::ErrorResponse(response) => {
            format!("{}: {}", response.status(), error_body::loggable(&**response))
        }
        progenitor_client::Error::UnexpectedResponse(response) => match response.extensions().get() {
            Some(Undocumented(description)) => description.clone(),
            None => format!("{}, which is not documented", response.status()),
        },
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
    let fault = match error.classify() {
        Category::Data => "of another shape",
        Category::Eof => "cut off",
        Category::Syntax | Category::Io => "malformed",
    };
    format!("{} bytes of JSON, {fault} at line {} column {}", body.len(), error.line(), error.column())
}

/// Why no document can describe a response, in words that may be logged.
#[derive(Clone)]
struct Undocumented(String);

/// The response as an error, if no document can describe it.
pub(crate) fn undocumented<E>(response: &Response) -> Option<progenitor_client::Error<E>> {
    let description: &Undocumented = response.extensions().get()?;
    let mut copy = http::Response::builder().url(response.url().clone()).extension(description.clone());
    copy = copy.status(response.status());
    let copy = with_headers(copy, response.headers().clone()).body(Bytes::new());
    Some(progenitor_client::Error::UnexpectedResponse(copy.unwrap_or_default().into()))
}

/// Reads the whole body of a response from `url`, up to [`RESPONSE_LIMIT`] bytes.
pub(crate) async fn whole<B>(response: http::Response<B>, url: &Url) -> Result<Response, B::Error>
where
    B: Body<Error: error::Error + Send + Sync + 'static>,
{
    let (head, body) = response.into_parts();
    let (bytes, description) = match Limited::new(body, RESPONSE_LIMIT).collect().await {
        Ok(body) => {
            let bytes = body.to_bytes();
            let fault = unreadable(&head, &bytes);
            let description = fault.map(|fault| described(&head, &format!("{} bytes", bytes.len()), fault));
            (bytes, description)
        }
        Err(error) => match error.downcast::<B::Error>() {
            Ok(error) => return Err(*error),
            Err(_) => {
                let length = format!("more than {RESPONSE_LIMIT} bytes");
                (Bytes::new(), Some(described(&head, &length, "a body that is too long")))
            }
        },
    };
    // Without a URL, reqwest would parse one of its own.
    let mut whole = http::Response::builder().status(head.status).url(url.clone());
    if let Some(description) = description {
        whole = whole.extension(description);
    }
    Ok(with_headers(whole, head.headers).body(bytes).unwrap_or_default().into())
}

fn with_headers(mut response: http::response::Builder, headers: HeaderMap) -> http::response::Builder {
    if let Some(empty) = response.headers_mut() {
        *empty = headers;
    }
    response
}

/// Why no document can describe this body.
fn unreadable(head: &Parts, body: &[u8]) -> Option<&'static str> {
    // serde_json does not check the fields that it skips, but all of JSON is UTF-8 (RFC 8259, section 8.1).
    if str::from_utf8(body).is_err() {
        return Some("a body that is not UTF-8");
    }
    // The body of a success is parsed once, by the generated client, or there is none.
    if head.status.is_success() {
        let is_json = matches!(body.trim_ascii_start().first(), None | Some(b'{' | b'['));
        return (!is_json).then_some("a body that is not JSON");
    }
    if !head.status.is_client_error() && !head.status.is_server_error() {
        return None;
    }
    match serde_json::from_slice::<AnyError<'_>>(body) {
        Ok(_) => None,
        Err(error) if error.is_data() => Some("JSON without an error message"),
        Err(_) => Some("a body that is not JSON"),
    }
}

/// What the body of every error has.
#[derive(Deserialize)]
struct AnyError<'a> {
    #[serde(rename = "error", borrow)]
    _text: Cow<'a, str>,
    #[serde(rename = "detail", borrow)]
    _detail: Option<Cow<'a, str>>,
}

fn described(head: &Parts, length: &str, fault: &str) -> Undocumented {
    let media_type =
        head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("no type");
    let essence = media_type.split(';').next().unwrap_or_default();
    Undocumented(format!("{}, {essence}, {length}: {fault}", head.status))
}

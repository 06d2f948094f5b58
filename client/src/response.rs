//! What is answered: the whole of it, within a bound, and what a log may have of it if it is not as documented.

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

/// How many bytes an answer may have. The longest page of a list has fewer.
pub const RESPONSE_LIMIT: usize = 4 * 1024 * 1024;

/// Why a call failed, down to the first cause, in one line for a log. It has nothing in it of what was answered but a text
/// that the document lists: a token or a name may be in there.
pub fn cause<E: fmt::Debug + Serialize>(failure: &progenitor_client::Error<E>) -> String {
    match failure {
        progenitor_client::Error::ErrorResponse(answer) => {
            let refusal = serde_json::to_value(&**answer).unwrap_or_default();
            format!("{}: {}", answer.status(), refusal["error"].as_str().unwrap_or_default())
        }
        progenitor_client::Error::UnexpectedResponse(answer) => {
            format!("{}, which is not documented", answer.status())
        }
        progenitor_client::Error::InvalidResponsePayload(body, error) => {
            format!("an answer that is not as documented: {}", fault(body, error))
        }
        _ => {
            // The outermost text repeats its source, where there is one.
            let outer = error::Error::source(failure).unwrap_or(failure);
            let first = outer.source().unwrap_or(outer);
            let causes = iter::successors(Some(first), |cause| cause.source());
            causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
        }
    }
}

/// How long a service asks to be left alone (RFC 9110, section 10.2.3), if it does.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let time = httpdate::parse_http_date(text).ok()?;
    Some(time.duration_since(SystemTime::now()).unwrap_or_default())
}

/// What is wrong with a body that could not be read. The words of `error` may quote it.
fn fault(body: &Bytes, error: &serde_json::Error) -> String {
    // `whole` lets nothing else pass that begins like this.
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

/// An answer from `url` with all of its body, which has no more than [`RESPONSE_LIMIT`] bytes.
pub(crate) async fn whole<B>(answer: http::Response<B>, url: &Url) -> Result<Response, B::Error>
where
    B: Body<Error: error::Error + Send + Sync + 'static>,
{
    let (head, body) = answer.into_parts();
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
    // An answer without an address would get one that has to be parsed.
    let mut whole = http::Response::builder().status(head.status).url(url.clone());
    if let Some(headers) = whole.headers_mut() {
        *headers = head.headers;
    }
    Ok(whole.body(bytes).unwrap_or_default().into())
}

/// Why a body is nothing that a document describes, as far as can be told without knowing which.
fn unreadable(head: &Parts, body: &[u8]) -> Option<&'static str> {
    // The JSON reader does not look into fields that it leaves out, but JSON is UTF-8 as a whole (RFC 8259, section 8.1).
    if str::from_utf8(body).is_err() {
        return Some("a body that is not UTF-8");
    }
    // Refusals are short. What succeeded is read once, by whoever knows its shape.
    let is_json = match head.status.is_success() {
        true => matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')),
        false => serde_json::from_slice::<IgnoredAny>(body).is_ok(),
    };
    (!is_json).then_some("a body that is no JSON")
}

/// Says of an answer what a log may have, in place of its body.
fn described(head: &Parts, length: &str, fault: &str) -> Bytes {
    let media_type =
        head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("no type");
    let essence = media_type.split(';').next().unwrap_or_default();
    format!("({}, {essence}, {length}: {fault})", head.status).into()
}

//! The `X-Request-Timeout-Ms` header.

use std::time::Duration;

use poem::http::{HeaderMap, HeaderName, HeaderValue};

/// How long the caller waits for the response, in milliseconds.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-timeout-ms");

/// The shortest timeout in `headers`, if there is one. A negative number counts as 0, and a value that is not a number is ignored.
pub(crate) fn parse(headers: &HeaderMap) -> Option<Duration> {
    let milliseconds = |value: &HeaderValue| {
        let text = value.to_str().ok()?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let magnitude = is_number.then(|| digits.parse().unwrap_or(u64::MAX))?;
        Some(if digits.len() < text.len() { 0 } else { magnitude })
    };
    headers.get_all(HEADER).iter().filter_map(milliseconds).min().map(Duration::from_millis)
}

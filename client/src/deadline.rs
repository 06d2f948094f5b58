//! How long a call may take, and how the service learns of it.

use std::time::{Duration, Instant};

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// How long a connection may take to be made.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a call may take in all, from connecting to the last byte of the response, a retry included.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(3);

/// Tells the service how many milliseconds its caller waits for the response.
const TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout-ms");

/// The end of a call that begins now: after `timeout`, or sooner if the request says so itself.
pub(crate) fn of_call(headers: &HeaderMap, timeout: Duration) -> Instant {
    let requested = headers.get(TIMEOUT).and_then(|value| value.to_str().ok()?.parse().ok());
    Instant::now() + requested.map_or(timeout, |requested| timeout.min(Duration::from_millis(requested)))
}

/// Tells the service the time that is left until `deadline`, and returns it.
pub(crate) fn announce(headers: &mut HeaderMap, deadline: Instant) -> Duration {
    let left = deadline.saturating_duration_since(Instant::now());
    // Rounded up: a service that gives up before its caller would look overloaded.
    let milliseconds = left.as_micros().div_ceil(1000) as u64;
    headers.insert(TIMEOUT, HeaderValue::from(milliseconds));
    left
}

//! How long a call may take, and how the service learns of it.

use std::time::{Duration, Instant};

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// How long a connection may take to be made.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a call may take in all, from connecting to the last byte of the response, a retry included.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(3);

/// Tells the service how many milliseconds its caller waits for the response.
const TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout-ms");

/// A caller announces its timeout less this fraction of it, so that a last-moment response of the service still arrives.
const MARGIN_DIVISOR: u32 = 20;

/// The end of a call.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    /// When the caller stops waiting.
    pub(crate) end: Instant,
    /// When the service is told to give up.
    announced: Instant,
}

impl Deadline {
    /// The end of a call that begins now: after `timeout`, or sooner if the request says so itself.
    pub(crate) fn of_call(headers: &HeaderMap, timeout: Duration) -> Self {
        let now = Instant::now();
        let requested = headers.get(TIMEOUT).and_then(|value| value.to_str().ok()?.parse().ok());
        match requested.map(Duration::from_millis) {
            Some(requested) if requested < timeout => Self::shared(now + requested),
            _ => Self { end: now + timeout, announced: now + (timeout - timeout / MARGIN_DIVISOR) },
        }
    }

    /// Caller and service give up at the same time.
    pub(crate) fn shared(end: Instant) -> Self {
        Self { end, announced: end }
    }

    /// The time that is left for the service.
    pub(crate) fn left_to_announce(self) -> Duration {
        self.announced.saturating_duration_since(Instant::now())
    }

    /// Tells the service how much time it has.
    pub(crate) fn announce(self, headers: &mut HeaderMap) {
        // Rounded up: a service that gives up before its caller would look overloaded.
        let milliseconds = self.left_to_announce().as_micros().div_ceil(1000) as u64;
        headers.insert(TIMEOUT, HeaderValue::from(milliseconds));
    }
}

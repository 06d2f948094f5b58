//! Persistent connections, which are kept for the next request.

use std::time::Duration;

use poem::http::{HeaderMap, HeaderName, HeaderValue, Version, header};

/// Announces the idle timeout (RFC 2068, section 19.7.1.1). Widely used, though no longer in a standard.
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// The idle timeout as it is announced: not at all if it is less than a second, the least that can be said.
pub(super) struct KeepAlive(Option<HeaderValue>);

impl KeepAlive {
    pub(super) fn new(idle_timeout: Duration) -> Self {
        let seconds = idle_timeout.as_secs();
        Self(HeaderValue::try_from(format!("timeout={seconds}")).ok().filter(|_| seconds > 0))
    }

    /// Adds the announcement to the headers of a response.
    pub(super) fn announce(&self, headers: &mut HeaderMap) {
        if let Some(timeout) = &self.0 {
            headers.insert(header::CONNECTION, HeaderValue::from_static("keep-alive"));
            headers.insert(KEEP_ALIVE, timeout.clone());
        }
    }
}

/// Whether the connection stays open for another request (RFC 9112, section 9.3).
pub(super) fn keeps_connection(version: Version, headers: &HeaderMap) -> bool {
    // hyper drops a `Content-Length` next to a `Transfer-Encoding`, and closes the connection afterwards (RFC 9112, section 6.1).
    let is_kept_by_default = version >= Version::HTTP_11 && !headers.contains_key(header::TRANSFER_ENCODING);
    if !headers.contains_key(header::CONNECTION) {
        return is_kept_by_default;
    }
    let names = |option: &str| {
        let mut options = headers
            .get_all(header::CONNECTION)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        options.any(|named| named.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
    };
    !names("close") && (is_kept_by_default || names("keep-alive"))
}

//! The id of a request.

use poem::http::{HeaderMap, HeaderValue};
use uuid::Uuid;

use crate::{
    context::{REQUEST_ID, TraceContext},
    wire::header::{Single, single},
};

/// The longest request id that is accepted from a caller.
const LIMIT: usize = 128;

/// The id that the caller sent, or else that of the trace.
#[expect(clippy::expect_used, reason = "a header may have hexadecimal digits")]
pub(super) fn request_id(headers: &HeaderMap, trace: &TraceContext) -> HeaderValue {
    sent(headers).unwrap_or_else(|| {
        let mut text = Uuid::encode_buffer();
        let id = trace.trace_id().encode_lower(&mut text);
        HeaderValue::from_str(id).expect("hexadecimal digits")
    })
}

/// The id that the caller sent, if it is safe to log.
fn sent(headers: &HeaderMap) -> Option<HeaderValue> {
    let is_safe = |id: &&HeaderValue| {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        (1..=LIMIT).contains(&id.len()) && id.as_bytes().iter().all(allowed)
    };
    match single(headers, &REQUEST_ID) {
        Single::Value(id) => Some(id).filter(is_safe).cloned(),
        // With several ids, the log could have another one than the caller looks for.
        Single::Absent | Single::Contradictory => None,
    }
}

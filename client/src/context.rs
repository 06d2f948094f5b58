//! The request on whose behalf calls are made: every call carries its headers and its deadline.

use std::time::{Duration, Instant};

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::deadline::{CALL_TIMEOUT, Deadline};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names the trace that a call belongs to (<https://www.w3.org/TR/trace-context-1/>).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

struct CallContext {
    headers: HeaderMap,
    /// How long each call may take.
    timeout: Duration,
    deadline: Option<Instant>,
}

tokio::task_local! {
    static CONTEXT: CallContext;
}

/// Runs `work` on behalf of a request: its calls carry `headers`, so that the logs of all services can be joined, and end
/// by `deadline`, after which the request's own caller no longer waits.
pub fn on_behalf_of<T>(
    headers: HeaderMap,
    deadline: Instant,
    work: impl Future<Output = T>,
) -> impl Future<Output = T> {
    CONTEXT.scope(CallContext { headers, timeout: CALL_TIMEOUT, deadline: Some(deadline) }, work)
}

/// Runs `work` in a new trace, and returns the trace's id with the result.
///
/// The id has 32 hexadecimal digits. The log lines of all services that the calls reach have it, as the id of the trace and
/// of the request. Without this function or [`on_behalf_of`], each call is a trace of its own.
pub async fn traced<T>(work: impl Future<Output = T>) -> (String, T) {
    traced_within(CALL_TIMEOUT, work).await
}

/// Runs `work` in a new trace, as [`traced`] does, and each call in it may take up to `timeout` instead of [`CALL_TIMEOUT`].
///
/// The services allow each other three seconds: a caller that waits longer than they do is told what went wrong. The service is
/// told to give up a twentieth of `timeout` sooner, so that a 503 at the last moment still arrives.
pub async fn traced_within<T>(timeout: Duration, work: impl Future<Output = T>) -> (String, T) {
    let trace_id = format!("{:032x}", rand::random::<u128>());
    let mut headers = HeaderMap::from_iter([(TRACEPARENT, traceparent(&trace_id))]);
    headers.extend(HeaderValue::try_from(&trace_id).map(|id| (REQUEST_ID, id)));
    (trace_id, CONTEXT.scope(CallContext { headers, timeout, deadline: None }, work).await)
}

/// Adds the headers of the current context to `headers`, and returns the end of a call that begins now.
pub(crate) fn apply(headers: &mut HeaderMap) -> Deadline {
    let apply = |context: &CallContext| {
        let deadline = Deadline::of_call(headers, context.timeout);
        for (name, value) in &context.headers {
            headers.insert(name, value.clone());
        }
        // A service responds itself when its deadline passes, so the services that it calls get all of the time.
        context.deadline.map_or(deadline, |earlier| Deadline::shared(deadline.end.min(earlier)))
    };
    match CONTEXT.try_with(apply) {
        Ok(deadline) => deadline,
        Err(_) => Deadline::of_call(headers, CALL_TIMEOUT),
    }
}

/// A new span in the trace `trace_id`. Nothing records the span, so it is not marked as sampled
/// (<https://www.w3.org/TR/trace-context-1/#sampled-flag>).
fn traceparent(trace_id: &str) -> HeaderValue {
    let text = format!("00-{trace_id}-{:016x}-00", rand::random::<u64>());
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

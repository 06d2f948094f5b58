//! Calls to other services, on behalf of the current request.
//!
//! Requests that wait for an upstream have a limit of their own, below the limit for all requests: while an upstream hangs,
//! requests that do not need it are still served.

mod shared_reads;

use std::{
    fmt,
    hash::Hash,
    time::{Duration, Instant},
};

use poem::http::{HeaderMap, HeaderValue};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{error::Elapsed, timeout_at},
};

use self::shared_reads::SharedReads;
use crate::{
    context::{REQUEST_ID, TraceContext},
    error::{self, ApiError, ErrorMessage, SERVICE_UNAVAILABLE},
    telemetry::{
        metrics,
        trace::{self, Span},
    },
};

/// Calls the service `name` for no request, and records the call like any other.
///
/// # Errors
/// `call` fails.
pub async fn call_unattended<T, E>(
    name: &'static str,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let started = Instant::now();
    let outcome = call.await;
    metrics::record_call(name, outcome.is_ok(), started.elapsed());
    outcome
}

/// Reads from an upstream, shared by requests for the same resource that arrive at the same time.
///
/// A request only gets a result that was read after the request had arrived. A read that fails is repeated for each request that
/// had joined it, so that no request fails because of another.
pub struct Reads<K, T> {
    upstream: &'static str,
    unavailable: ErrorMessage,
    timeout: Duration,
    shared: SharedReads<K, (Result<T, String>, TraceContext)>,
}

impl<K, T> Reads<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// Reads from the service `upstream`, each of which takes `timeout` at most. `unavailable` is the response to a request
    /// whose read fails.
    pub fn new(upstream: &'static str, unavailable: ErrorMessage, timeout: Duration) -> Self {
        metrics::count_shared(upstream, 0);
        Self { upstream, unavailable, timeout, shared: SharedReads::default() }
    }

    /// Reads what is called `key`, for the current request. `send` gets the headers with the id and the trace context of the
    /// request that sends the read, and a deadline.
    ///
    /// # Errors
    /// `unavailable` if `send` fails; the log gets the cause. 503 if too many requests wait for an upstream already; then
    /// nothing is sent.
    pub async fn get<F>(
        &self,
        key: K,
        send: impl FnOnce(HeaderMap, Instant) -> F + Clone + Send + 'static,
    ) -> Result<T, ApiError>
    where
        F: Future<Output = Result<T, String>> + Send + 'static,
    {
        let _permit = Permit::acquire()?;
        let mut call = Call::begin(self.upstream)?;
        let (read, is_shared) = self.shared.join(key, call.deadline, {
            let (send, place) = (send.clone(), call.place.clone());
            move |deadline| async move { (send(place.headers(), deadline).await, place.trace) }
        });
        let outcome = if is_shared {
            metrics::count_shared(self.upstream, 1);
            let until = call.deadline.min(call.started + self.timeout);
            let joined = async {
                let (outcome, trace) = read.await;
                call.span.link(&trace);
                match outcome {
                    Err(_) => send(call.place.headers(), until).await,
                    outcome => outcome,
                }
            };
            let late = |_: Elapsed| Err("the request timed out".to_owned());
            timeout_at(until.into(), joined).await.unwrap_or_else(late)
        } else {
            read.await.0
        };
        call.end(outcome, self.unavailable)
    }
}

/// A call in flight: its span and time.
struct Call {
    name: &'static str,
    span: Span,
    place: Place,
    /// That of the request.
    deadline: Instant,
    started: Instant,
}

/// The request that a call belongs to.
#[derive(Clone)]
struct Place {
    request_id: HeaderValue,
    trace: TraceContext,
}

impl Place {
    /// The headers that tell an upstream.
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, self.request_id.clone());
        trace::inject(&self.trace, &mut headers);
        headers
    }
}

impl Call {
    fn begin(name: &'static str) -> Result<Self, ApiError> {
        error::in_request(|request| {
            let (span, trace) = trace::client_span(name, &request.trace);
            let place = Place { request_id: request.request_id.clone(), trace };
            Self { name, span, place, deadline: request.deadline, started: Instant::now() }
        })
    }

    fn end<T, E: fmt::Display>(
        self,
        outcome: Result<T, E>,
        unavailable: ErrorMessage,
    ) -> Result<T, ApiError> {
        metrics::record_call(self.name, outcome.is_ok(), self.started.elapsed());
        let outcome = self.span.end(outcome);
        outcome.map_err(|cause| unavailable.caused_by(format_args!("{}: {cause}", self.name)))
    }
}

/// The permit of a request that calls an upstream, until this is dropped.
pub struct Permit {
    _permit: OwnedSemaphorePermit,
}

impl Permit {
    /// A permit for the current request, which does something else as well, or makes several [calls](Self::call).
    ///
    /// # Errors
    /// 503: too many requests wait for an upstream already.
    pub fn acquire() -> Result<Self, ApiError> {
        let permit =
            error::in_request(|context| context.service.upstream_permits.clone().try_acquire_owned())?;
        let Ok(permit) = permit else {
            metrics::count_refused();
            return Err(SERVICE_UNAVAILABLE.into());
        };
        metrics::count_waiting(1);
        Ok(Self { _permit: permit })
    }

    /// Calls the service `name` for the current request. `send` gets the headers with the request id and the trace context, and
    /// the deadline of the request.
    ///
    /// # Errors
    /// `unavailable` if `send` fails; the log gets the cause.
    pub async fn call<T, E: fmt::Display, F: Future<Output = Result<T, E>>>(
        &self,
        name: &'static str,
        unavailable: ErrorMessage,
        send: impl FnOnce(HeaderMap, Instant) -> F,
    ) -> Result<T, ApiError> {
        let call = Call::begin(name)?;
        let outcome = send(call.place.headers(), call.deadline).await;
        call.end(outcome, unavailable)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        metrics::count_waiting(-1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    };

    use poem::http::StatusCode;

    use super::*;
    use crate::context::RequestContext;

    const UNAVAILABLE: ErrorMessage = ErrorMessage::new(StatusCode::BAD_REQUEST, "Unavailable");

    /// The outcomes of `requests` for the same thing at once, and how many reads were sent. A read fails if `fails` says so of
    /// its number, from 1.
    async fn outcomes(requests: usize, fails: fn(usize) -> bool) -> (Vec<bool>, usize) {
        let reads = Reads::new("upstream", UNAVAILABLE, Duration::from_secs(60));
        let sent = Arc::new(AtomicUsize::new(0));
        let get = |_| {
            let sent = sent.clone();
            let read = reads.get(1, move |_, _| async move {
                let number = sent.fetch_add(1, Relaxed) + 1;
                // The other requests come meanwhile. Each of them takes this one step further.
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
                if fails(number) { Err("failed".to_owned()) } else { Ok(number) }
            });
            let in_a_minute = Instant::now() + Duration::from_secs(60);
            RequestContext::of_test(in_a_minute).scope(read)
        };
        let outcomes = futures_util::future::join_all((0..requests).map(get)).await;
        (outcomes.iter().map(Result::is_ok).collect(), sent.load(Relaxed))
    }

    #[tokio::test]
    async fn requests_that_come_together_share_a_read() {
        assert_eq!(outcomes(9, |_| false).await, (vec![true; 9], 2));
    }

    #[tokio::test]
    async fn a_shared_read_that_fails_fails_only_the_request_that_sent_it() {
        let (outcomes, sent) = outcomes(4, |number| number == 2).await;
        assert_eq!((outcomes, sent), (vec![true, false, true, true], 4));
    }
}

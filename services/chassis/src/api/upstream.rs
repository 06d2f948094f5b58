//! Calls to other services, on behalf of the current request.
//!
//! Requests that wait for an upstream have a limit of their own, below the limit for all requests: while an upstream hangs,
//! requests that do not need it are still served.

use std::{fmt, time::Instant};

use poem::http::HeaderMap;
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    error::{self, ApiError, ErrorMessage, SERVICE_UNAVAILABLE},
    telemetry::{metrics, trace},
};

/// Calls the service `name` for the current request. `send` gets the headers with the request id and the trace context, and the
/// deadline of the request.
///
/// # Errors
/// `unavailable` if `send` fails; the log gets the cause. 503 if too many requests wait for an upstream already; then nothing
/// is sent.
pub async fn call<T, E: fmt::Display, F: Future<Output = Result<T, E>>>(
    name: &'static str,
    unavailable: ErrorMessage,
    send: impl FnOnce(HeaderMap, Instant) -> F,
) -> Result<T, ApiError> {
    Permit::acquire()?.call(name, unavailable, send).await
}

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

    /// The same as the function [`call`].
    ///
    /// # Errors
    /// `unavailable` if `send` fails; the log gets the cause.
    pub async fn call<T, E: fmt::Display, F: Future<Output = Result<T, E>>>(
        &self,
        name: &'static str,
        unavailable: ErrorMessage,
        send: impl FnOnce(HeaderMap, Instant) -> F,
    ) -> Result<T, ApiError> {
        let (span, headers, deadline) = error::in_request(|context| {
            let mut headers = HeaderMap::new();
            let span = trace::client_span(name, &context.trace, &mut headers);
            context.write_request_id(&mut headers);
            (span, headers, context.deadline)
        })?;
        let started = Instant::now();
        let outcome = send(headers, deadline).await;
        metrics::record_call(name, outcome.is_ok(), started.elapsed());
        span.end(outcome).map_err(|cause| unavailable.caused_by(format_args!("{name}: {cause}")))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        metrics::count_waiting(-1);
    }
}

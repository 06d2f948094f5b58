//! Large responses: each counts as in flight until it is sent, and is logged then.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{self, Poll, ready},
    time::Instant,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use poem::http::{Method, StatusCode};
use tokio::sync::Semaphore;

use super::connection::InFlight;
use crate::{
    context::BodyContext,
    telemetry::{log, metrics, trace::Span},
};

/// The largest body that hyper's buffer takes at once, in bytes.
const SMALL: u64 = 16 * 1024;

/// Whether `body` has a known, small size, so that it counts as sent at once.
pub(super) fn is_small(body: &impl Body) -> bool {
    body.size_hint().exact().is_some_and(|length| length <= SMALL)
}

/// The record of a request for log, metrics and trace.
pub(super) struct AccessRecord {
    method: Method,
    route: &'static str,
    is_probe: bool,
    pub(super) started: Instant,
    span: Span,
}

impl AccessRecord {
    pub(super) fn begin<B>(
        request: &hyper::Request<B>,
        route: Option<&'static str>,
        is_probe: bool,
        started: Instant,
        span: Span,
    ) -> Self {
        let (method, route) = (request.method().clone(), route.unwrap_or("(none)"));
        Self { method, route, is_probe, started, span }
    }

    /// Writes the record, within the request's context. `is_aborted` if the response was not sent completely.
    pub(super) fn end(self, status: StatusCode, is_aborted: bool) {
        let Self { method, route, is_probe, started, span } = self;
        let latency = started.elapsed();
        metrics::record_request(&method, route, status, latency);
        if is_aborted {
            metrics::count_aborted();
        }
        log::log_request(&method, route, is_probe, status, latency, is_aborted);
        span.end_with_status(status, is_aborted);
    }
}

/// The state of a response that is being sent. The body and each chunk that is not sent yet share it.
pub(super) struct Sending {
    /// Taken when the response ends.
    record: Option<AccessRecord>,
    status: StatusCode,
    context: BodyContext,
    in_flight: InFlight,
    permits: Arc<Semaphore>,
    is_complete: AtomicBool,
}

impl Sending {
    /// Takes over one of `permits`, and returns it at the end.
    pub(super) fn new(
        record: AccessRecord,
        status: StatusCode,
        context: BodyContext,
        in_flight: InFlight,
        permits: Arc<Semaphore>,
    ) -> Arc<Self> {
        Arc::new(Self {
            record: Some(record),
            status,
            context,
            in_flight,
            permits,
            is_complete: AtomicBool::new(false),
        })
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.permits.add_permits(1);
        let is_aborted = !self.is_complete.load(Relaxed) || self.in_flight.connection().is_write_closed();
        if !is_aborted {
            self.in_flight.connection().set_reset_on_close(false);
        }
        if let Some(record) = self.record.take() {
            self.context.scope(|| record.end(self.status, is_aborted));
        }
    }
}

/// A chunk of a body. The response is in flight until the system has taken the chunk, or the connection ends.
struct Chunk {
    bytes: Bytes,
    _sending: Arc<Sending>,
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A body whose response is in flight until this is dropped.
pub(super) struct CountedBody<B> {
    body: B,
    sending: Arc<Sending>,
}

impl<B> CountedBody<B> {
    pub(super) fn new(body: B, sending: Arc<Sending>) -> Self {
        Self { body, sending }
    }
}

impl<B: Body<Data = Bytes, Error = io::Error> + Unpin> Body for CountedBody<B> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Self { body, sending } = &mut *self;
        let frame = ready!(sending.context.scope(|| {
            Pin::new(body).poll_frame(context).map_err(|error| {
                tracing::error!(cause = %error, "response aborted");
                error
            })
        }));
        // hyper does not poll again after the last frame of a body with a known length.
        if frame.is_none() || (matches!(frame, Some(Ok(_))) && self.body.is_end_stream()) {
            self.sending.is_complete.store(true, Relaxed);
        }
        let keep = |bytes| Bytes::from_owner(Chunk { bytes, _sending: self.sending.clone() });
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(keep))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

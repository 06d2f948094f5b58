//! Responses that take a while to be sent: they count as in flight until they are gone, and are logged then.

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

use super::{BodyContext, admission::InFlight};
use crate::{log, metrics, trace::Span};

/// How many bytes of a body are sent at once, together with its head.
const SMALL: u64 = 16 * 1024;

/// Whether `body` is complete, and so small that it is as good as sent.
pub(super) fn is_small(body: &impl Body) -> bool {
    body.size_hint().exact().is_some_and(|length| length <= SMALL)
}

/// A request and the answer to it, for log, metrics and trace.
pub(super) struct Exchange {
    pub(super) method: Method,
    pub(super) route: &'static str,
    pub(super) status: StatusCode,
    pub(super) started: Instant,
    pub(super) span: Span,
}

impl Exchange {
    /// Tells that it is over, on behalf of the request that is worked on.
    pub(super) fn end(self, is_broken: bool) {
        let Self { method, route, status, started, span } = self;
        let took = started.elapsed();
        metrics::count_request(&method, route, status, took);
        if is_broken {
            metrics::count_broken();
        }
        log::answered(&method, route, status, took, is_broken);
        span.answered(status, is_broken);
    }
}

/// What lasts as long as a response is being sent. The body has it, and so has each piece of it that is on its way.
pub(super) struct Sending {
    /// Taken when it is over.
    exchange: Option<Exchange>,
    context: BodyContext,
    in_flight: InFlight,
    places: Arc<Semaphore>,
    is_whole: AtomicBool,
}

impl Sending {
    /// Takes over a place of `places`, and gives it back in the end.
    pub(super) fn new(
        exchange: Exchange,
        context: BodyContext,
        in_flight: InFlight,
        places: Arc<Semaphore>,
    ) -> Arc<Self> {
        Arc::new(Self {
            exchange: Some(exchange),
            context,
            in_flight,
            places,
            is_whole: AtomicBool::new(false),
        })
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.places.add_permits(1);
        let is_broken = !self.is_whole.load(Relaxed) || self.in_flight.connection().is_gone.load(Relaxed);
        if !is_broken {
            self.in_flight.connection().must_reset.store(false, Relaxed);
        }
        if let Some(exchange) = self.exchange.take() {
            self.context.scope(|| exchange.end(is_broken));
        }
    }
}

/// A piece of a body that keeps the response in flight until it was handed to the system, or dropped with the connection.
struct Piece {
    bytes: Bytes,
    _sending: Arc<Sending>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A body that is in flight until it is gone.
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
        // What the pieces of a list log while they are read is about this request.
        let frame = ready!(sending.context.scope(|| Pin::new(body).poll_frame(context)));
        // hyper does not ask again after the last frame of a body that knows its length.
        if frame.is_none() || (matches!(frame, Some(Ok(_))) && self.body.is_end_stream()) {
            self.sending.is_whole.store(true, Relaxed);
        }
        let keep = |bytes| Bytes::from_owner(Piece { bytes, _sending: self.sending.clone() });
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(keep))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

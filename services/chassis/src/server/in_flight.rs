//! What a connection is at: whether it is idle, or has a request in flight.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
};

use hyper::body::{Body, Frame, SizeHint};

/// Nothing of a request has come since the last answer.
pub(super) const IDLE_CONNECTION: u8 = 0;
/// A part of a head has come.
pub(super) const HEAD_BEGUN: u8 = 1;
/// A request is worked on, or its answer is being sent.
pub(super) const IN_FLIGHT: u8 = 2;

/// What a connection is at.
#[derive(Default)]
pub(super) struct Occupancy(AtomicU8);

impl Occupancy {
    /// A request was read; it is in flight until what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.0.store(IN_FLIGHT, Ordering::Relaxed);
        InFlight(self.clone())
    }

    /// Something has come.
    pub(super) fn note_read(&self) {
        let _ = self.0.compare_exchange(IDLE_CONNECTION, HEAD_BEGUN, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// One of the constants above.
    pub(super) fn state(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A request that is in flight.
pub(super) struct InFlight(Arc<Occupancy>);

impl InFlight {
    /// It is until all of `body` was handed over to be sent.
    pub(super) fn until_sent<B>(self, body: B) -> InFlightBody<B> {
        InFlightBody { body, _in_flight: self }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.0.store(IDLE_CONNECTION, Ordering::Relaxed);
    }
}

/// The body of the answer to a request that is in flight.
pub(super) struct InFlightBody<B> {
    body: B,
    _in_flight: InFlight,
}

impl<B: Body + Unpin> Body for InFlightBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

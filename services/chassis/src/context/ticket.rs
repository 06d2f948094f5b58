//! Whether a queued write is executed or cancelled: decided once, by the writer or by its caller.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

const QUEUED: u8 = 0;
const BEGUN: u8 = 1;
const CANCELLED: u8 = 2;

/// A place in the writer's queue. Clones are the same place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ticket(Arc<AtomicU8>);

impl Ticket {
    /// Begins the write, unless it was cancelled. It may have begun already.
    pub(crate) fn begin(&self) -> bool {
        self.decide(BEGUN) || !self.is_cancelled()
    }

    /// Cancels the write, unless it has begun.
    pub(crate) fn cancel(&self) -> bool {
        self.decide(CANCELLED) || self.is_cancelled()
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire) == CANCELLED
    }

    fn decide(&self, state: u8) -> bool {
        self.0.compare_exchange(QUEUED, state, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// Cancels the write when its caller stops waiting.
pub(crate) struct CancelOnDrop(pub(crate) Ticket);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

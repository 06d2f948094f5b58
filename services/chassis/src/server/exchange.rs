//! What the stream of a connection and the requests that come on it have to know of each other.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU8, AtomicU16, Ordering},
};

use hyper::upgrade::OnUpgrade;

/// How far the exchange on a connection is. All of it happens on one task, so nothing has to be ordered.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    phase: AtomicU8,
    refused: AtomicU16,
    upgrade: Mutex<Option<OnUpgrade>>,
}

/// Where a connection is between one request and the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// A head is awaited, on a new connection, or has begun to arrive.
    Head,
    /// A request is worked on.
    Work,
    /// It is answered, though the answer may still be on its way.
    Answered,
    /// Nothing has come since.
    Idle,
}

impl Exchange {
    pub(super) fn phase(&self) -> Phase {
        [Phase::Head, Phase::Work, Phase::Answered, Phase::Idle]
            [usize::from(self.phase.load(Ordering::Relaxed))]
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// What came was refused before it was a request.
    pub(super) fn note_refused(&self, status: u16) {
        self.refused.store(status, Ordering::Relaxed);
    }

    /// The status that something was refused with before it was a request.
    pub(super) fn refused(&self) -> Option<u16> {
        Some(self.refused.load(Ordering::Relaxed)).filter(|status| *status != 0)
    }

    /// A request would have the connection upgraded. It never is, but hyper then hands the stream out in place of ending it.
    pub(super) fn note_upgrade(&self, upgrade: OnUpgrade) {
        *self.upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
    }

    pub(super) fn take_upgrade(&self) -> Option<OnUpgrade> {
        self.upgrade.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

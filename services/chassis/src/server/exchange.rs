//! What the stream of a connection and the requests that come on it have to know of each other.

use std::{
    net::SocketAddr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
};

use hyper::upgrade::OnUpgrade;

use crate::telemetry::metrics;

/// How far the exchange on a connection is. All of it happens on one task, so nothing has to be ordered.
#[derive(Debug)]
pub(super) struct Exchange {
    peer: SocketAddr,
    phase: AtomicU8,
    is_refused: AtomicBool,
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
    pub(super) fn new(peer: SocketAddr) -> Self {
        let phase = AtomicU8::new(Phase::Head as u8);
        Self { peer, phase, is_refused: AtomicBool::new(false), upgrade: Mutex::default() }
    }

    pub(super) fn phase(&self) -> Phase {
        [Phase::Head, Phase::Work, Phase::Answered, Phase::Idle]
            [usize::from(self.phase.load(Ordering::Relaxed))]
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// What came is no request, which is counted and logged here, as requests are where they are answered. It got an answer with
    /// `status`, or none.
    pub(super) fn note_no_request(&self, status: &str) {
        if !self.is_refused.swap(true, Ordering::Relaxed) {
            metrics::count_parse_error(status);
            tracing::warn!(status = %status, peer = %self.peer, "what came is no request");
        }
    }

    /// A request would have the connection upgraded. It never is, but hyper then hands the stream out in place of ending it.
    pub(super) fn note_upgrade(&self, upgrade: OnUpgrade) {
        *self.upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
    }

    pub(super) fn take_upgrade(&self) -> Option<OnUpgrade> {
        self.upgrade.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

//! Admission of connections. When all permits are taken, an idle connection is evicted, so that idle callers cannot lock out
//! authenticated callers or probes.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use super::connection::Connection;
use crate::telemetry::metrics;

/// How many connections there may be above the limit: for probes while all others have a request in flight, and for new ones
/// while an evicted one is being closed.
pub(crate) const RESERVE: usize = 16;

/// How long to wait before the next search for an idle connection, when there was none.
const SEARCH_PAUSE: Duration = Duration::from_millis(20);

/// The connections that are open.
pub(super) struct Admission {
    limit: usize,
    started: Instant,
    open: Mutex<Connections>,
    /// How many of them are not being evicted. Changes only while `open` is locked.
    staying: AtomicUsize,
    closed: Notify,
}

/// By their numbers, in the order in which they were accepted.
type Connections = BTreeMap<u64, Arc<Connection>>;

/// The connections that may be evicted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Candidates {
    /// Those whose caller has never sent the token.
    Unauthenticated,
    /// All, unauthenticated ones first.
    All,
}

/// The permit of an open connection, until this is dropped.
pub(super) struct ConnectionPermit {
    number: u64,
    pub(super) connection: Arc<Connection>,
    admission: Arc<Admission>,
}

impl Admission {
    pub(super) fn new(limit: u32) -> Self {
        Self {
            limit: limit as usize,
            started: Instant::now(),
            open: Mutex::default(),
            staying: AtomicUsize::new(0),
            closed: Notify::new(),
        }
    }

    /// How many connections are open.
    pub(super) fn count(&self) -> usize {
        self.open().len()
    }

    /// Waits until another connection may be accepted.
    pub(super) async fn room(&self) {
        while !self.has_room() {
            let _ = tokio::time::timeout(SEARCH_PAUSE, self.closed.notified()).await;
        }
    }

    /// Whether another connection may be accepted. If not, evicts an idle one.
    fn has_room(&self) -> bool {
        let most = self.limit + RESERVE;
        let open = self.open();
        if self.staying.load(Relaxed) >= most {
            self.evict_one_of(&open, Candidates::All);
        }
        open.len() < most
    }

    /// The permit of a connection that was accepted.
    pub(super) fn admit(self: &Arc<Self>, peer: SocketAddr) -> ConnectionPermit {
        let mut open = self.open();
        let is_full = || self.staying.load(Relaxed) >= self.limit;
        if is_full() {
            self.evict_one_of(&open, Candidates::Unauthenticated);
        }
        let connection = Arc::new(Connection::new(peer, self.started, is_full()));
        let number = open.last_key_value().map_or(0, |(last, _)| last + 1);
        open.insert(number, connection.clone());
        self.staying.fetch_add(1, Relaxed);
        ConnectionPermit { number, connection, admission: self.clone() }
    }

    /// Whether `connection` is one too many, so that it serves only probes. For an authenticated request, an idle connection is
    /// evicted instead.
    pub(super) fn is_surplus(
        &self,
        connection: &Connection,
        is_authenticated: impl FnOnce() -> bool,
    ) -> bool {
        let is_surplus = connection.was_surplus && self.staying.load(Relaxed) > self.limit;
        is_surplus && !(is_authenticated() && self.evict())
    }

    /// Evicts an idle connection, if there is one.
    pub(super) fn evict(&self) -> bool {
        self.evict_one_of(&self.open(), Candidates::All)
    }

    /// Evicts the candidate that has been idle for longest, if there is one.
    fn evict_one_of(&self, open: &Connections, candidates: Candidates) -> bool {
        let is_candidate = |connection: &&Arc<Connection>| {
            let is_idle = !connection.is_evicted() && connection.may_be_closed();
            is_idle && (candidates == Candidates::All || !connection.is_authenticated())
        };
        let idle = open.values().filter(is_candidate);
        let rank = |connection: &&Arc<Connection>| (connection.is_authenticated(), connection.last_active());
        // Of several, this is the one that was accepted first.
        let Some(longest) = idle.min_by_key(rank) else { return false };
        metrics::count_evicted();
        tracing::debug!(peer = %longest.peer, "idle connection evicted");
        self.staying.fetch_sub(1, Relaxed);
        longest.evict();
        true
    }

    fn open(&self) -> MutexGuard<'_, Connections> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionPermit {
    /// Waits until the connection has to make room.
    pub(super) async fn evicted(&self) {
        loop {
            self.connection.evicted().await;
            // A request may have come since it was chosen.
            let open = self.admission.open();
            if self.connection.may_be_closed() {
                return;
            }
            self.connection.cancel_eviction();
            self.admission.staying.fetch_add(1, Relaxed);
            drop(open);
        }
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut open = self.admission.open();
        open.remove(&self.number);
        if !self.connection.is_evicted() {
            self.admission.staying.fetch_sub(1, Relaxed);
        }
        drop(open);
        self.admission.closed.notify_one();
    }
}

//! Places for connections. When all are taken, a connection that is idle makes room, so that nobody who just sits there keeps out
//! who has a token, or who asks whether the service lives.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use crate::telemetry::metrics;

/// How many connections there may be above the limit: for probes while all others have a request in flight, and for those that
/// come while an evicted one is being closed.
pub(crate) const RESERVE: usize = 16;

/// How long to wait before looking again for an idle connection, when there was none.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The connections that are open.
pub(super) struct Admission {
    limit: usize,
    began: Instant,
    open: Mutex<Connections>,
    /// How many of them were not told to make room. Changes while `open` is locked only.
    staying: AtomicUsize,
    closed: Notify,
}

/// By their numbers, in the order in which they came.
type Connections = BTreeMap<u64, Arc<Connection>>;

/// What is known of a connection beside the requests on it.
pub(super) struct Connection {
    /// Who is at its other end.
    pub(super) peer: SocketAddr,
    admission: Arc<Admission>,
    /// Whether all places were taken when it came, and nobody made room for it.
    was_surplus: bool,
    is_authenticated: AtomicBool,
    in_flight: AtomicUsize,
    /// When it was accepted, or the last request came, in milliseconds.
    active: AtomicU64,
    is_evicted: AtomicBool,
    evicted: Notify,
    /// The response that is being sent ends with the connection, and has not come to its end.
    pub(super) must_reset: AtomicBool,
    /// A write waits for the caller to read.
    pub(super) is_writing: AtomicBool,
    /// Nothing can be sent any more.
    pub(super) is_gone: AtomicBool,
}

/// The connections that may be evicted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Candidates {
    /// Those whose caller has never shown a token.
    Unauthenticated,
    /// All, those without a token first.
    All,
}

/// A place among the open connections, until this is dropped.
pub(super) struct Place {
    number: u64,
    pub(super) connection: Arc<Connection>,
}

/// A request in flight on a connection, until this is dropped.
pub(super) struct InFlight(Arc<Connection>);

impl Admission {
    pub(super) fn new(limit: u32) -> Arc<Self> {
        Arc::new(Self {
            limit: limit as usize,
            began: Instant::now(),
            open: Mutex::default(),
            staying: AtomicUsize::new(0),
            closed: Notify::new(),
        })
    }

    /// Waits until another connection may be accepted.
    pub(super) async fn room(&self) {
        while !self.has_room() {
            let _ = tokio::time::timeout(LOOK_AGAIN, self.closed.notified()).await;
        }
    }

    /// Whether another connection may be accepted. If not, one that is open makes room.
    fn has_room(&self) -> bool {
        let most = self.limit + RESERVE;
        let open = self.open();
        if self.staying.load(Relaxed) >= most {
            self.evict_one_of(&open, Candidates::All);
        }
        open.len() < most
    }

    /// A place for a connection that was accepted.
    pub(super) fn admit(self: &Arc<Self>, peer: SocketAddr) -> Place {
        let mut open = self.open();
        let is_full = || self.staying.load(Relaxed) >= self.limit;
        if is_full() {
            self.evict_one_of(&open, Candidates::Unauthenticated);
        }
        let connection = Arc::new(Connection {
            peer,
            admission: self.clone(),
            was_surplus: is_full(),
            is_authenticated: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            active: AtomicU64::new(self.since_begin(Instant::now())),
            is_evicted: AtomicBool::new(false),
            evicted: Notify::new(),
            must_reset: AtomicBool::new(false),
            is_writing: AtomicBool::new(false),
            is_gone: AtomicBool::new(false),
        });
        let number = open.last_key_value().map_or(0, |(last, _)| last + 1);
        open.insert(number, connection.clone());
        self.staying.fetch_add(1, Relaxed);
        Place { number, connection }
    }

    /// Closes an idle connection, if there is one.
    pub(super) fn evict(&self) -> bool {
        self.evict_one_of(&self.open(), Candidates::All)
    }

    /// Closes the connection that has been idle for longest, if one is: of those that have never shown a token, or else of all.
    fn evict_one_of(&self, open: &Connections, candidates: Candidates) -> bool {
        let is_meant = |connection: &&Arc<Connection>| {
            connection.is_idle()
                && (candidates == Candidates::All || !connection.is_authenticated.load(Relaxed))
        };
        let idle = open.values().filter(is_meant);
        let rank = |connection: &&Arc<Connection>| {
            (connection.is_authenticated.load(Relaxed), connection.active.load(Relaxed))
        };
        // Of several, this is the one that came first.
        let Some(longest) = idle.min_by_key(rank) else { return false };
        metrics::count_evicted();
        tracing::debug!(peer = %longest.peer, "an idle connection makes room for another");
        self.staying.fetch_sub(1, Relaxed);
        longest.is_evicted.store(true, Relaxed);
        longest.evicted.notify_one();
        true
    }

    fn since_begin(&self, moment: Instant) -> u64 {
        moment.saturating_duration_since(self.began).as_millis() as u64
    }

    fn open(&self) -> MutexGuard<'_, Connections> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Notes that a request is in flight, since `started`.
    pub(super) fn begin(self: &Arc<Self>, started: Instant) -> InFlight {
        self.active.store(self.admission.since_begin(started), Relaxed);
        self.in_flight.fetch_add(1, Relaxed);
        InFlight(self.clone())
    }

    /// Notes that the caller has the service's token.
    pub(super) fn set_authenticated(&self) {
        self.is_authenticated.store(true, Relaxed);
    }

    /// Whether it is one of too many, which are for probes. For whoever has the service's token, another makes room.
    pub(super) fn is_surplus(&self, has_token: impl FnOnce() -> bool) -> bool {
        let is_surplus = self.was_surplus && self.admission.staying.load(Relaxed) > self.admission.limit;
        is_surplus && !(has_token() && self.admission.evict())
    }

    fn is_idle(&self) -> bool {
        !self.is_evicted.load(Relaxed) && self.may_be_closed()
    }

    /// Whether no caller who has shown a token loses a response with it, nor anybody a request that is worked on.
    fn may_be_closed(&self) -> bool {
        let is_sending = self.is_writing.load(Relaxed) && self.is_authenticated.load(Relaxed);
        self.in_flight.load(Relaxed) == 0 && !is_sending
    }
}

impl Place {
    /// Waits until the connection has to make room.
    pub(super) async fn evicted(&self) {
        loop {
            self.connection.evicted.notified().await;
            // A request may have come since it was chosen.
            let admission = &self.connection.admission;
            let open = admission.open();
            if self.connection.may_be_closed() {
                return;
            }
            self.connection.is_evicted.store(false, Relaxed);
            admission.staying.fetch_add(1, Relaxed);
            drop(open);
        }
    }
}

impl InFlight {
    pub(super) fn connection(&self) -> &Connection {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let admission = &self.connection.admission;
        let mut open = admission.open();
        open.remove(&self.number);
        if !self.connection.is_evicted.load(Relaxed) {
            admission.staying.fetch_sub(1, Relaxed);
        }
        drop(open);
        admission.closed.notify_one();
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

//! The state of one connection, which its stream, its requests and the eviction of idle connections share.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Instant,
};

use hyper::{
    body::{Body, Frame, SizeHint},
    upgrade::OnUpgrade,
};
use tokio::sync::Notify;

use crate::telemetry::metrics;

/// A connection.
pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    /// A [`State`]. Only the connection's own task changes it, so nothing has to be ordered.
    state: AtomicU8,
    /// How many requests are worked on, or have parts of a response that the system has not taken yet.
    in_flight: AtomicUsize,
    /// When the connection was accepted, or the last request came, in milliseconds after `epoch`.
    last_active: AtomicU64,
    epoch: Instant,
    is_authenticated: AtomicBool,
    /// Whether all permits were taken when it was accepted, and no other connection was evicted for it.
    pub(super) was_surplus: bool,
    is_evicted: AtomicBool,
    evicted: Notify,
    /// A write waits for the caller to read.
    is_write_blocked: AtomicBool,
    /// Nothing can be sent any more.
    is_write_closed: AtomicBool,
    /// To close the connection now would make a part of a response look whole, so it is reset instead.
    reset_on_close: AtomicBool,
    is_parse_error_logged: AtomicBool,
    upgrade: Mutex<Option<OnUpgrade>>,
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum State {
    /// Nothing has come on it yet.
    New,
    /// A part of a head has come.
    Head,
    /// A request is worked on.
    Working,
    /// A response is handed over to hyper.
    Sending,
    /// hyper has taken the whole response, and may still be writing it.
    Sent,
    /// The connection waits for the next request.
    Idle,
}

impl State {
    const ALL: [Self; 6] = [Self::New, Self::Head, Self::Working, Self::Sending, Self::Sent, Self::Idle];

    /// Whether there is a request that has no whole response yet.
    pub(super) fn is_in_exchange(self) -> bool {
        matches!(self, Self::Working | Self::Sending)
    }
}

impl Connection {
    pub(super) fn new(peer: SocketAddr, epoch: Instant, was_surplus: bool) -> Self {
        let connection = Self {
            peer,
            state: AtomicU8::new(State::New as u8),
            in_flight: AtomicUsize::new(0),
            last_active: AtomicU64::new(0),
            epoch,
            is_authenticated: AtomicBool::new(false),
            was_surplus,
            is_evicted: AtomicBool::new(false),
            evicted: Notify::new(),
            is_write_blocked: AtomicBool::new(false),
            is_write_closed: AtomicBool::new(false),
            reset_on_close: AtomicBool::new(false),
            is_parse_error_logged: AtomicBool::new(false),
            upgrade: Mutex::default(),
        };
        connection.set_active(Instant::now());
        connection
    }

    pub(super) fn state(&self) -> State {
        State::ALL[usize::from(self.state.load(Relaxed))]
    }

    pub(super) fn enter(&self, state: State) {
        self.state.store(state as u8, Relaxed);
    }

    /// Notes that hyper has read a request.
    pub(super) fn begin_exchange(self: &Arc<Self>) -> Exchange {
        self.enter(State::Working);
        Exchange(self.clone())
    }

    /// Notes that a request is in flight, since `started`.
    pub(super) fn begin_request(self: &Arc<Self>, started: Instant) -> InFlight {
        self.set_active(started);
        self.in_flight.fetch_add(1, Relaxed);
        InFlight(self.clone())
    }

    fn set_active(&self, moment: Instant) {
        let milliseconds = moment.saturating_duration_since(self.epoch).as_millis() as u64;
        self.last_active.store(milliseconds, Relaxed);
    }

    pub(super) fn last_active(&self) -> u64 {
        self.last_active.load(Relaxed)
    }

    /// Notes that the caller has the service's token.
    pub(super) fn set_authenticated(&self) {
        self.is_authenticated.store(true, Relaxed);
    }

    pub(super) fn is_authenticated(&self) -> bool {
        self.is_authenticated.load(Relaxed)
    }

    /// Whether closing the connection loses neither a request in flight nor a response to an authenticated caller.
    pub(super) fn may_be_closed(&self) -> bool {
        let is_sending = self.is_write_blocked() && self.is_authenticated();
        self.in_flight.load(Relaxed) == 0 && !is_sending
    }

    /// Asks the connection to make room for another.
    pub(super) fn evict(&self) {
        self.is_evicted.store(true, Relaxed);
        self.evicted.notify_one();
    }

    /// Takes [`Connection::evict`] back.
    pub(super) fn cancel_eviction(&self) {
        self.is_evicted.store(false, Relaxed);
    }

    pub(super) fn is_evicted(&self) -> bool {
        self.is_evicted.load(Relaxed)
    }

    /// Waits until the connection is asked to make room.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    pub(super) fn set_write_blocked(&self, is_blocked: bool) {
        self.is_write_blocked.store(is_blocked, Relaxed);
    }

    pub(super) fn is_write_blocked(&self) -> bool {
        self.is_write_blocked.load(Relaxed)
    }

    pub(super) fn set_write_closed(&self) {
        self.is_write_closed.store(true, Relaxed);
    }

    pub(super) fn is_write_closed(&self) -> bool {
        self.is_write_closed.load(Relaxed)
    }

    pub(super) fn set_reset_on_close(&self, resets: bool) {
        self.reset_on_close.store(resets, Relaxed);
    }

    pub(super) fn resets_on_close(&self) -> bool {
        self.reset_on_close.load(Relaxed)
    }

    /// Counts and logs, once, bytes that hyper could not parse as a request, since no handler sees them. `status` is that of the
    /// response, or `none`.
    pub(super) fn log_parse_error(&self, status: &str) {
        if !self.is_parse_error_logged.swap(true, Relaxed) {
            metrics::count_parse_error(status);
            tracing::warn!(status = %status, peer = %self.peer, "parse error");
        }
    }

    /// Notes that a request asked for an upgrade. It never gets one, but hyper then hands the stream out instead of closing it.
    pub(super) fn set_upgrade(&self, upgrade: OnUpgrade) {
        *self.upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
    }

    pub(super) fn take_upgrade(&self) -> Option<OnUpgrade> {
        self.upgrade.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A request and its response, until hyper has taken all of the response.
pub(super) struct Exchange(Arc<Connection>);

impl Exchange {
    /// `body`, which keeps the exchange until it is dropped.
    pub(super) fn respond<B>(self, body: B) -> ExchangeBody<B> {
        self.0.enter(State::Sending);
        ExchangeBody { body, _exchange: self }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.0.enter(State::Sent);
    }
}

/// A request in flight, until this is dropped.
pub(super) struct InFlight(Arc<Connection>);

impl InFlight {
    pub(super) fn connection(&self) -> &Connection {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// The body of the response in an exchange.
pub(super) struct ExchangeBody<B> {
    body: B,
    _exchange: Exchange,
}

impl<B: Body + Unpin> Body for ExchangeBody<B> {
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

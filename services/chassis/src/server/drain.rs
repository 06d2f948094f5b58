//! How a service stops: what is begun is finished, what is idle is closed, and all of it is over at one moment that is fixed
//! when the service is told to.
//!
//! First, for the stop delay, requests are answered as ever, but with `Connection: close`, so that kept connections wind down.
//! Then the listener is closed, after whoever has connected is accepted; an idle connection is closed once nothing has come on
//! it for a moment; and a request whose first byte was read is answered, in the extreme with 503 when the drain timeout is over.
//! What cannot be told apart: a request that is on its way while its idle connection is closed was read by nobody, and its
//! caller sees the connection end cleanly without an answer; it may send it again (RFC 9112, section 9.3.1).

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

#[cfg(target_os = "linux")]
use socket2::{SockFilter, SockRef};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpListener,
    sync::Notify,
    time::Sleep,
};

use super::{
    connection::{Connection, State},
    stream::TimeoutStream,
};
use crate::settings::Limits;

/// For how long nothing comes on a connection that is closed for being idle.
const IDLE: Duration = Duration::from_millis(100);

/// How long it may take until whoever has begun to connect has done so, when nobody else begins any more.
pub(super) const HANDSHAKE: Duration = Duration::from_millis(20);

/// How long the answers may take to be sent that are given when the drain timeout is over.
const LAST_ANSWERS: Duration = Duration::from_millis(200);

/// How long what comes after the last answer may take: the last writes, spans and log lines.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// The answer to a head of which only a part has come when the drain timeout is over.
const CUT_HEAD: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: 31\r\n\
    retry-after: 1\r\ncache-control: no-store\r\nconnection: close\r\n\r\n{\"error\":\"Service unavailable\"}";

/// Until when each part of a stop may take, counted from the moment when the service is told to.
#[derive(Clone, Copy)]
pub(super) struct Schedule {
    pub(super) accept: Instant,
    pub(super) drain: Instant,
    pub(super) last_answers: Instant,
    /// When the process has to be gone.
    pub(super) end: Instant,
}

impl Schedule {
    /// The schedule of a stop that begins now.
    pub(super) fn begin(limits: &Limits) -> Self {
        let accept = Instant::now() + limits.stop_delay;
        let drain = accept + limits.drain_timeout;
        let last_answers = drain + LAST_ANSWERS;
        Self { accept, drain, last_answers, end: last_answers + LAST_WORDS }
    }
}

/// How far a stop has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Phase {
    /// The service was told to stop, and takes requests for a moment yet.
    Announced = 1,
    /// Nobody new is accepted.
    Draining,
    /// What is in flight is answered now.
    Over,
    /// What is in flight still will not be answered.
    Cut,
}

/// What all connections know of the stop.
#[derive(Default)]
pub(super) struct Drain {
    phase: AtomicU8,
    changed: Notify,
}

impl Drain {
    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// Whether `phase` has come.
    pub(super) fn has(&self, phase: Phase) -> bool {
        self.phase.load(Ordering::Acquire) >= phase as u8
    }

    /// Waits until `phase` has come.
    pub(super) async fn reached(&self, phase: Phase) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.has(phase) {
                return;
            }
            changed.await;
        }
    }
}

/// From now on nobody begins to connect to `listener`, so that whoever has can be accepted to the last before it is closed: to
/// close it resets those who are in its queue. Who tries meanwhile tries again a second later, by himself, and finds it closed.
#[cfg(target_os = "linux")]
pub(super) fn shut_out(listener: &TcpListener) {
    /// Where the flags are in the header of a segment, and the one that begins a connection (RFC 9293, section 3.1).
    const FLAGS: u32 = 13;
    const SYN: u32 = 2;
    let load_flags = SockFilter::new((libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16, 0, 0, FLAGS);
    let skip_if_not_syn = SockFilter::new((libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16, 0, 1, SYN);
    let take = |bytes| SockFilter::new((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, bytes);
    // Where filters are not allowed, who connects in the last microseconds is reset.
    let _ = SockRef::from(listener).attach_filter(&[load_flags, skip_if_not_syn, take(0), take(u32::MAX)]);
}

#[cfg(not(target_os = "linux"))]
pub(super) fn shut_out(_listener: &TcpListener) {}

/// Drives a connection to its end, and sees to it that it notices when the stop goes on.
pub(super) async fn drive<T>(connection: impl Future<Output = T>, drain: &Drain) -> Option<T> {
    let mut connection = std::pin::pin!(connection);
    for phase in [Phase::Draining, Phase::Over, Phase::Cut] {
        tokio::select! {
            biased;
            ended = connection.as_mut() => return Some(ended),
            () = drain.reached(phase) => {}
        }
    }
    None
}

/// A stream that ends when its connection is idle and the service stops. Whether it is idle is decided where it is read, so
/// that what has come is served.
pub(super) struct DrainedStream {
    stream: TimeoutStream,
    connection: Arc<Connection>,
    drain: Arc<Drain>,
    idle_until: Option<Pin<Box<Sleep>>>,
}

impl DrainedStream {
    pub(super) fn new(stream: TimeoutStream, connection: Arc<Connection>, drain: Arc<Drain>) -> Self {
        Self { stream, connection, drain, idle_until: None }
    }

    /// Nothing has come: the end of the stream, if that is due.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.connection.state() {
            State::New | State::Sent | State::Idle if !self.connection.is_write_blocked() => {
                let until = self.idle_until.get_or_insert_with(|| Box::pin(tokio::time::sleep(IDLE)));
                until.as_mut().poll(context).map(Ok)
            }
            State::Head if self.drain.has(Phase::Over) => {
                tracing::warn!("the head of a request did not arrive before the service has to stop");
                // Nothing else is being written, and a caller who takes nothing gets nothing.
                let _ = Pin::new(&mut self.stream).poll_write(context, CUT_HEAD);
                Poll::Ready(Ok(()))
            }
            _ => {
                self.idle_until = None;
                Poll::Pending
            }
        }
    }
}

impl Drop for DrainedStream {
    fn drop(&mut self) {
        // Where the end of the connection is the end of the answer, a part would be taken for the whole.
        if self.connection.state().is_in_exchange() && self.drain.has(Phase::Cut) {
            self.connection.set_reset_on_close(true);
        }
    }
}

impl AsyncRead for DrainedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_pending() && self.drain.has(Phase::Draining) {
            return self.poll_end(context);
        }
        if buffer.filled().len() > filled {
            self.idle_until = None;
        }
        read
    }
}

impl AsyncWrite for DrainedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

//! How a service stops: requests in flight finish, idle connections are closed, and the process exits at a time that is fixed
//! when the stop begins.
//!
//! During the stop delay, requests are served as usual, but with `Connection: close`, so that persistent connections end. Then
//! the listener accepts the connections in its backlog and is closed. An idle connection is closed once it has been quiet for a
//! moment. A request whose first byte was read gets a response, which is 503 if the drain timeout passes first.
//!
//! One race remains: a request may be on its way while its idle connection is closed. The service has not read the request, and
//! the caller sees a clean close without a response, so the caller may retry (RFC 9112, section 9.3.1).

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

/// How long an idle connection is quiet before it is closed.
const IDLE: Duration = Duration::from_millis(100);

/// How long handshakes that have begun may take to complete, once no new ones begin.
pub(super) const HANDSHAKE: Duration = Duration::from_millis(20);

/// The response to an unfinished head after the drain timeout, without the last fields of its head.
const CUT_HEAD: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: 31\r\n\
    retry-after: 1\r\ncache-control: no-store\r\nconnection: close\r\n";

/// The end of its head, and its body.
const CUT_BODY: &[u8] = b"\r\n{\"error\":\"Service unavailable\"}";

/// When each part of a stop ends.
#[derive(Clone, Copy)]
pub(super) struct Schedule {
    pub(super) accept: Instant,
    pub(super) drain: Instant,
    pub(super) last_responses: Instant,
    /// When the process must have exited.
    pub(super) end: Instant,
}

impl Schedule {
    /// The schedule of a stop that begins now.
    pub(super) fn begin(limits: &Limits) -> Self {
        let now = Instant::now();
        let accept = now + limits.stop_delay;
        Self {
            accept,
            drain: accept + limits.drain_timeout,
            last_responses: now + limits.last_responses(),
            end: now + limits.stop_timeout(),
        }
    }
}

/// The phases of a stop.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Phase {
    /// The stop delay: the service still accepts connections.
    Announced = 1,
    /// No connections are accepted.
    Draining,
    /// The drain timeout has passed: requests in flight get 503.
    Over,
    /// Connections that are still open are cut.
    Cut,
}

/// The state of the stop, which all connections share.
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

    /// Whether `phase` has begun.
    pub(super) fn has(&self, phase: Phase) -> bool {
        self.phase.load(Ordering::Acquire) >= phase as u8
    }

    /// Waits until `phase` begins.
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

/// Drops the packets that would begin new connections to `listener`. Closing a listener resets the connections in its queue, so
/// the queue must be emptied first. A caller whose packet is dropped retries a second later, and finds the listener closed.
#[cfg(target_os = "linux")]
pub(super) fn refuse_new(listener: &TcpListener) {
    /// The offset of the flags in a TCP header, and the flag that begins a connection (RFC 9293, section 3.1).
    const FLAGS: u32 = 13;
    const SYN: u32 = 2;
    let load_flags = SockFilter::new((libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16, 0, 0, FLAGS);
    let skip_if_not_syn = SockFilter::new((libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16, 0, 1, SYN);
    let take = |bytes| SockFilter::new((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, bytes);
    // Without the filter, a connection from the last microseconds may be reset.
    let _ = SockRef::from(listener).attach_filter(&[load_flags, skip_if_not_syn, take(0), take(u32::MAX)]);
}

#[cfg(not(target_os = "linux"))]
pub(super) fn refuse_new(_listener: &TcpListener) {}

/// Drives a connection to its end, and polls it again whenever the next phase of the stop begins.
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

/// A stream that ends when its connection is idle and the service stops. It decides so where it reads, so that requests that
/// have arrived are served.
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

    /// Ends the stream if that is due, when nothing can be read.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.connection.state() {
            State::New | State::Sent | State::Idle if !self.connection.is_write_blocked() => {
                let until = self.idle_until.get_or_insert_with(|| Box::pin(tokio::time::sleep(IDLE)));
                until.as_mut().poll(context).map(Ok)
            }
            State::Head if self.drain.has(Phase::Over) => {
                tracing::warn!("drain timeout: the head of a request is incomplete");
                // Nothing else is being written; if the caller does not read, it gets no response.
                let response = [CUT_HEAD, &self.stream.cors_fields(), CUT_BODY].concat();
                let _ = Pin::new(&mut self.stream).poll_write(context, &response);
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
        // The caller must not take a close-delimited response for whole.
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

//! The stream of one connection, with patience that ends.
//!
//! A caller who takes too long to send a head, to ask again, or to read what is sent is cut off. One who hangs up while a
//! request is worked on is noticed, and one who only ends its sending side is not cut off. And when all is said, a caller who still sends is heard out
//! for a moment: what is sent to a closed connection is answered with a reset, and the reset may destroy the last answer
//! before it is read (RFC 9112, section 9.6).

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep},
};

use super::{
    admission::Connection,
    exchange::{Exchange, Phase},
    parse_errors,
};
use crate::settings::Limits;

/// How long a caller is heard out after the last answer.
const LINGER: Duration = Duration::from_secs(1);

/// A stream that does not wait for ever.
pub(super) struct TimeoutStream {
    stream: TcpStream,
    exchange: Arc<Exchange>,
    /// How long a head may take to arrive.
    header_read_timeout: Duration,
    /// How long a caller who was answered may take to ask again.
    idle_timeout: Duration,
    /// Until when a head may be awaited.
    read_until: Option<Instant>,
    /// Wakes the connection then, or before.
    read_timer: Option<Pin<Box<Sleep>>>,
    /// Whether the first line of the head has come.
    has_line: bool,
    /// Whether the caller was waited for for too long.
    is_given_up: bool,
    /// Whether it was looked at what came while a request is worked on.
    is_looked_at: bool,
    connection: Arc<Connection>,
    /// Whether the caller sees a reset when this is dropped.
    resets: bool,
    /// How long a write may wait for the caller to read.
    write_timeout: Duration,
    /// Until when the write that is waiting may wait.
    write_until: Option<Pin<Box<Sleep>>>,
    /// Whether the last write was not taken whole.
    is_unsent: bool,
    /// What is written in place of what hyper wrote.
    instead: Vec<u8>,
    /// Until when the caller is heard out; set when our side is closed.
    linger_until: Option<Pin<Box<Sleep>>>,
}

impl TimeoutStream {
    pub(super) fn new(
        stream: TcpStream,
        limits: &Limits,
        exchange: Arc<Exchange>,
        connection: Arc<Connection>,
    ) -> Self {
        Self {
            stream,
            exchange,
            connection,
            resets: false,
            header_read_timeout: limits.header_read_timeout(),
            idle_timeout: limits.idle_timeout(),
            read_until: None,
            read_timer: None,
            has_line: false,
            is_given_up: false,
            is_looked_at: false,
            write_timeout: limits.write_timeout(),
            write_until: None,
            is_unsent: false,
            instead: Vec::new(),
            linger_until: None,
        }
    }

    /// Something came.
    fn received(&mut self, bytes: &[u8]) {
        match self.exchange.phase() {
            Phase::Answered | Phase::Idle => {
                self.exchange.enter(Phase::Head);
                self.read_until = None;
                self.has_line = bytes.contains(&b'\n');
            }
            Phase::Head => self.has_line |= bytes.contains(&b'\n'),
            Phase::Work => {}
        }
    }

    /// Waits for more to come, no longer than it may.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let until = match self.exchange.phase() {
            // How long a body may take is known to whoever reads it.
            Phase::Work => return Poll::Pending,
            Phase::Answered => {
                self.exchange.enter(Phase::Idle);
                *self.read_until.insert(Instant::now() + self.idle_timeout)
            }
            Phase::Head => *self.read_until.get_or_insert_with(|| Instant::now() + self.header_read_timeout),
            Phase::Idle => *self.read_until.get_or_insert_with(|| Instant::now() + self.idle_timeout),
        };
        let timer = self.read_timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        // Most often the time was extended: the timer is set anew when it is over, and not for every request.
        if timer.deadline() > until {
            timer.as_mut().reset(until);
        }
        while timer.as_mut().poll(context).is_ready() {
            if timer.deadline() >= until {
                self.is_given_up = true;
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            timer.as_mut().reset(until);
        }
        Poll::Pending
    }

    /// Fails if the caller has hung up. hyper reads nothing while a request is worked on.
    fn look(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.is_looked_at || self.exchange.phase() != Phase::Work {
            return Ok(());
        }
        match self.stream.poll_peek(context, &mut ReadBuf::new(&mut [0])) {
            Poll::Ready(Err(error)) => Err(error),
            // The caller has asked for more, or will not; the answer is due all the same.
            Poll::Ready(Ok(_)) => {
                self.is_looked_at = true;
                Ok(())
            }
            Poll::Pending => Ok(()),
        }
    }

    /// Takes what is to be written instead, if `bytes` are an answer that hyper gives by itself.
    fn replace(&mut self, bytes: &[u8]) -> bool {
        let is_between = matches!(self.exchange.phase(), Phase::Head | Phase::Answered | Phase::Idle);
        if !is_between || self.is_unsent || !bytes.starts_with(b"HTTP/1.1 4") {
            return false;
        }
        let Some((status, instead)) = parse_errors::with_body(bytes, self.has_line) else { return false };
        self.exchange.note_no_request(status.as_str());
        self.instead = instead;
        true
    }

    /// Writes what is written instead.
    fn poll_instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.instead.is_empty() {
            let written = Pin::new(&mut self.stream).poll_write(context, &self.instead);
            let length = ready!(self.bounded(written, context))?;
            self.instead.drain(..length);
        }
        Poll::Ready(Ok(()))
    }

    /// Notes whether a write of `length` bytes was taken whole.
    fn noted(&mut self, written: Poll<io::Result<usize>>, length: usize) -> Poll<io::Result<usize>> {
        self.is_unsent = !matches!(written, Poll::Ready(Ok(taken)) if taken == length);
        written
    }

    /// When this is dropped, the connection is reset, not closed.
    pub(super) fn reset_when_dropped(&self) {
        self.connection.must_reset.store(true, Relaxed);
    }

    /// What came of a write: if it has to wait, it waits no longer than it may.
    fn bounded<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if let Poll::Ready(outcome) = &written {
            if self.write_until.take().is_some() {
                self.connection.is_writing.store(false, Relaxed);
            }
            if outcome.is_err() {
                self.connection.is_gone.store(true, Relaxed);
            }
            return written;
        }
        self.connection.is_writing.store(true, Relaxed);
        let timeout = self.write_timeout;
        let until = self.write_until.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        ready!(until.as_mut().poll(context));
        self.connection.is_gone.store(true, Relaxed);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Sees to it that a response whose end only the end of the connection tells is not taken for whole when it is not, even if
    /// this process is killed: who closes such a socket resets it.
    fn prepare_reset(&mut self) -> io::Result<()> {
        let must_reset = self.connection.must_reset.load(Relaxed);
        if must_reset != self.resets {
            SockRef::from(&self.stream).set_linger(must_reset.then_some(Duration::ZERO))?;
            self.resets = must_reset;
        }
        Ok(())
    }
}

impl Drop for TimeoutStream {
    fn drop(&mut self) {
        self.connection.is_gone.store(true, Relaxed);
        let _ = self.prepare_reset();
    }
}

impl AsyncRead for TimeoutStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.is_looked_at = false;
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Pending => self.wait(context),
            Poll::Ready(Ok(())) => {
                match &buffer.filled()[before..] {
                    [] => {}
                    bytes => self.received(bytes),
                }
                Poll::Ready(Ok(()))
            }
            failed => failed,
        }
    }
}

impl AsyncWrite for TimeoutStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.replace(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        self.prepare_reset()?;
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        let written = self.noted(written, bytes.len());
        self.bounded(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [bytes] = slices
            && self.replace(bytes)
        {
            return Poll::Ready(Ok(bytes.len()));
        }
        self.prepare_reset()?;
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        let written = self.noted(written, slices.iter().map(|slice| slice.len()).sum());
        self.bounded(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(context))?;
        self.look(context)?;
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.bounded(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(context))?;
        self.prepare_reset()?;
        if self.resets {
            return Poll::Ready(Ok(()));
        }
        let Self { stream, linger_until, is_given_up, .. } = &mut *self;
        let until = match linger_until {
            Some(until) => until,
            None => {
                ready!(Pin::new(&mut *stream).poll_shutdown(context))?;
                if *is_given_up {
                    return Poll::Ready(Ok(()));
                }
                linger_until.insert(Box::pin(tokio::time::sleep(LINGER)))
            }
        };
        let mut dropped = [0; 16 * 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut dropped);
            match Pin::new(&mut *stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() && !until.is_elapsed() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return until.as_mut().poll(context).map(Ok),
            }
        }
    }
}

//! The stream of one connection, with timeouts.
//!
//! A caller is disconnected if it takes too long to send a head, to send the next request, or to read a response. A request is
//! cancelled when its caller hangs up, but not when the caller only half-closes the connection. After the last response, the
//! stream keeps reading for a moment (a lingering close): data that arrives at a closed socket makes the system send a reset,
//! which may destroy the response before the caller reads it (RFC 9112, section 9.6).

use std::{
    future::Future,
    io::{self, IoSlice, Read},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Sleep,
};

use super::{
    connection::{Connection, State},
    cors::Cors,
    parse_errors,
    timeouts::{ReadTimeout, WriteTimeout},
};
use crate::settings::Limits;

/// How long the lingering close takes at most.
const LINGER: Duration = Duration::from_secs(1);

/// A stream whose reads and writes time out.
pub(super) struct TimeoutStream {
    stream: TcpStream,
    connection: Arc<Connection>,
    cors: Arc<Cors>,
    /// The head that arrives, as far as it has, if CORS needs it.
    head: Vec<u8>,
    /// How long a head may take to arrive.
    header_read_timeout: Duration,
    /// How long the connection may be idle between requests.
    idle_timeout: Duration,
    read_timeout: ReadTimeout,
    /// Whether the whole request line has come.
    has_line: bool,
    /// Whether something has arrived while a request is worked on, so that there is no need to peek again.
    has_peeked: bool,
    /// Whether closing the socket sends a reset.
    resets: bool,
    write_timeout: WriteTimeout,
    /// Whether the last write was partial or blocked.
    is_write_partial: bool,
    /// Bytes to write in place of hyper's.
    replacement: Vec<u8>,
    /// When the lingering close ends; set when our side is closed.
    linger_until: Option<Pin<Box<Sleep>>>,
}

impl TimeoutStream {
    pub(super) fn new(
        stream: TcpStream,
        limits: &Limits,
        connection: Arc<Connection>,
        cors: Arc<Cors>,
    ) -> Self {
        Self {
            stream,
            connection,
            cors,
            head: Vec::new(),
            resets: false,
            header_read_timeout: limits.header_read_timeout,
            idle_timeout: limits.idle_timeout,
            read_timeout: ReadTimeout::default(),
            has_line: false,
            has_peeked: false,
            write_timeout: WriteTimeout::new(limits.write_timeout),
            is_write_partial: false,
            replacement: Vec::new(),
            linger_until: None,
        }
    }

    /// Notes that `bytes` have come.
    fn received(&mut self, bytes: &[u8]) {
        let state = self.connection.state();
        match state {
            State::New | State::Sent | State::Idle => {
                if state != State::New {
                    self.read_timeout.clear();
                }
                self.connection.enter(State::Head);
                self.has_line = false;
                self.head.clear();
            }
            State::Head => {}
            // A part of the request's body.
            State::Working | State::Sending => return,
        }
        self.has_line |= bytes.contains(&b'\n');
        if self.cors.reads_origin() {
            self.head.extend_from_slice(bytes);
        }
    }

    /// The CORS header fields of a response that no request handler sends.
    pub(super) fn cors_fields(&self) -> Vec<u8> {
        self.cors.fields(&self.head)
    }

    /// Waits for bytes, until the timeout.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let timeout = match self.connection.state() {
            // The reader of a body has a timeout of its own.
            State::Working | State::Sending => return Poll::Pending,
            State::Sent => {
                self.connection.enter(State::Idle);
                // An idle connection needs no memory for its last request.
                self.head = Vec::new();
                self.read_timeout.clear();
                self.idle_timeout
            }
            State::New | State::Head => self.header_read_timeout,
            State::Idle => self.idle_timeout,
        };
        self.read_timeout.poll(timeout, context)
    }

    /// Reads what has arrived since the runtime last looked: a request that is here is not lost to an eviction.
    fn read_arrived(&self, buffer: &mut ReadBuf<'_>) -> io::Result<()> {
        let length = (&*SockRef::from(&self.stream)).read(buffer.initialize_unfilled())?;
        buffer.advance(length);
        Ok(())
    }

    /// Fails if the caller has hung up. hyper reads nothing while a request is worked on.
    fn peek(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.has_peeked || self.connection.state() != State::Working {
            return Ok(());
        }
        match self.stream.poll_peek(context, &mut ReadBuf::new(&mut [0])) {
            Poll::Ready(Err(error)) => Err(error),
            // The next request, or a closed sending side: neither cancels this request.
            Poll::Ready(Ok(_)) => {
                self.has_peeked = true;
                Ok(())
            }
            Poll::Pending => Ok(()),
        }
    }

    /// Queues a response with a body instead of `bytes`, if they are hyper's own response to a parse error.
    fn replace(&mut self, bytes: &[u8]) -> bool {
        if self.connection.state() == State::Working
            || self.is_write_partial
            || !bytes.starts_with(b"HTTP/1.1 4")
        {
            return false;
        }
        let with_body = parse_errors::with_body(bytes, self.has_line, || self.cors_fields());
        let Some((status, replacement)) = with_body else { return false };
        self.connection.log_parse_error(status.as_str());
        self.replacement = replacement;
        true
    }

    /// Writes the replacement.
    fn poll_replacement(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.replacement.is_empty() {
            let written = Pin::new(&mut self.stream).poll_write(context, &self.replacement);
            let length = ready!(self.bounded(written, context))?;
            self.replacement.drain(..length);
        }
        Poll::Ready(Ok(()))
    }

    /// Notes whether all `length` bytes were written.
    fn noted(&mut self, written: Poll<io::Result<usize>>, length: usize) -> Poll<io::Result<usize>> {
        self.is_write_partial = !matches!(written, Poll::Ready(Ok(taken)) if taken == length);
        written
    }

    /// The outcome of a write, which fails if it is blocked for too long.
    fn bounded<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if let Poll::Ready(outcome) = &written {
            if self.write_timeout.clear() {
                self.connection.set_write_blocked(false);
            }
            if outcome.is_err() {
                self.connection.set_write_closed();
            }
            return written;
        }
        self.connection.set_write_blocked(true);
        let failed = ready!(self.write_timeout.poll(context));
        self.connection.set_write_closed();
        Poll::Ready(failed)
    }

    /// Makes the system reset the connection instead of closing it while a close-delimited response is incomplete, so that the
    /// caller does not mistake it for complete. That holds even if this process is killed.
    fn prepare_reset(&mut self) -> io::Result<()> {
        let resets = self.connection.resets_on_close();
        if resets != self.resets {
            SockRef::from(&self.stream).set_linger(resets.then_some(Duration::ZERO))?;
            self.resets = resets;
        }
        Ok(())
    }
}

impl Drop for TimeoutStream {
    fn drop(&mut self) {
        self.connection.set_write_closed();
        let _ = self.prepare_reset();
    }
}

impl AsyncRead for TimeoutStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.has_peeked = false;
        let before = buffer.filled().len();
        let mut read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_pending() && self.connection.is_evicted() && self.read_arrived(buffer).is_ok() {
            read = Poll::Ready(Ok(()));
        }
        match read {
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
        ready!(self.poll_replacement(context))?;
        self.peek(context)?;
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.bounded(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_replacement(context))?;
        self.prepare_reset()?;
        if self.resets {
            return Poll::Ready(Ok(()));
        }
        let Self { stream, linger_until, read_timeout, .. } = &mut *self;
        let until = match linger_until {
            Some(until) => until,
            None => {
                ready!(Pin::new(&mut *stream).poll_shutdown(context))?;
                if read_timeout.has_passed() {
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

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, io::Write};

    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_request_that_has_arrived_is_read_before_the_eviction() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut caller = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let connection = Arc::new(Connection::new(peer, std::time::Instant::now(), false));
        let cors = Arc::new(Cors::new(None));
        let mut stream = TimeoutStream::new(stream, &Limits::defaults(), connection.clone(), cors);

        let mut bytes = [0; 8];
        let mut buffer = ReadBuf::new(&mut bytes);
        let mut read = |context: &mut Context<'_>| Pin::new(&mut stream).poll_read(context, &mut buffer);
        poll_fn(|context| {
            assert!(read(context).is_pending());
            // The runtime does not notice this before this function returns.
            caller.write_all(b"GET ").unwrap();
            assert!(read(context).is_pending());
            connection.evict();
            assert!(matches!(read(context), Poll::Ready(Ok(()))));
            Poll::Ready(())
        })
        .await;
        assert_eq!(buffer.filled(), b"GET ");
        assert_eq!(connection.state(), State::Head);
    }
}

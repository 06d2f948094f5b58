//! The stream of one connection, with patience that ends.
//!
//! A caller who takes too long to read what is sent is cut off. And when all is said, a caller who still sends is heard out
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
    time::Sleep,
};

use super::admission::Connection;

/// How long a caller is heard out after the last answer.
const LINGER: Duration = Duration::from_secs(1);

/// How many bytes are few.
const SMALL: usize = 1024;

/// A stream that does not wait for ever.
pub(super) struct PatientStream {
    stream: TcpStream,
    connection: Arc<Connection>,
    /// Whether the caller sees a reset when this is dropped.
    resets: bool,
    /// How long a write may wait for the caller to read.
    write_timeout: Duration,
    /// Until when the write that is waiting may wait.
    write_until: Option<Pin<Box<Sleep>>>,
    /// Until when the caller is heard out; set when our side is closed.
    linger_until: Option<Pin<Box<Sleep>>>,
}

impl PatientStream {
    pub(super) fn new(stream: TcpStream, connection: Arc<Connection>, write_timeout: Duration) -> Self {
        Self { stream, connection, resets: false, write_timeout, write_until: None, linger_until: None }
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

impl Drop for PatientStream {
    fn drop(&mut self) {
        self.connection.is_gone.store(true, Relaxed);
        let _ = self.prepare_reset();
    }
}

/// Head and body of an answer in one piece, if they are small: to send that takes the kernel less time.
fn joined<'a>(slices: &[IoSlice<'_>], small: &'a mut [u8; SMALL]) -> Option<&'a [u8]> {
    let mut length = 0;
    for slice in slices {
        small.get_mut(length..length + slice.len())?.copy_from_slice(slice);
        length += slice.len();
    }
    Some(&small[..length])
}

impl AsyncRead for PatientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for PatientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.prepare_reset()?;
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bounded(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.prepare_reset()?;
        let stream = Pin::new(&mut self.stream);
        let written = match joined(slices, &mut [0; SMALL]) {
            Some(bytes) => stream.poll_write(context, bytes),
            None => stream.poll_write_vectored(context, slices),
        };
        self.bounded(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.bounded(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.prepare_reset()?;
        if self.resets {
            return Poll::Ready(Ok(()));
        }
        let Self { stream, linger_until, .. } = &mut *self;
        let until = match linger_until {
            Some(until) => until,
            None => {
                ready!(Pin::new(&mut *stream).poll_shutdown(context))?;
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

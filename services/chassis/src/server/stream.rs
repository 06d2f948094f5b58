//! The stream of one connection, with patience that ends.
//!
//! A caller who takes too long to read what is sent is cut off. And when all is said, a caller who still sends is heard out
//! for a moment: what is sent to a closed connection is answered with a reset, and the reset may destroy the last answer
//! before it is read (RFC 9112, section 9.6).

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Sleep,
};

/// How long a caller is heard out after the last answer.
const LINGER: Duration = Duration::from_secs(1);

/// How many bytes are few.
const SMALL: usize = 1024;

/// A stream that does not wait for ever.
pub(super) struct PatientStream {
    stream: TcpStream,
    /// How long a write may wait for the caller to read.
    write_timeout: Duration,
    /// Until when the write that is waiting may wait.
    write_until: Option<Pin<Box<Sleep>>>,
    /// Until when the caller is heard out; set when our side is closed.
    linger_until: Option<Pin<Box<Sleep>>>,
}

impl PatientStream {
    pub(super) fn new(stream: TcpStream, write_timeout: Duration) -> Self {
        Self { stream, write_timeout, write_until: None, linger_until: None }
    }

    /// When this is dropped, the connection is reset, not closed.
    pub(super) fn reset_when_dropped(&self) {
        let _ = self.stream.set_zero_linger();
    }

    /// What came of a write: if it has to wait, it waits no longer than it may.
    fn bounded<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write_until = None;
            return written;
        }
        let timeout = self.write_timeout;
        let until = self.write_until.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        until.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
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
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bounded(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
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

//! The timeouts of the reads and writes of one connection.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep};

/// The timeout of the wait for a head. Its timer outlives the request: setting one anew for each would cost more than to let it
/// fire too early once.
#[derive(Default)]
pub(super) struct ReadTimeout {
    /// When the wait times out.
    until: Option<Instant>,
    /// Due then, or earlier.
    timer: Option<Pin<Box<Sleep>>>,
    has_passed: bool,
}

impl ReadTimeout {
    /// Ends the wait. The next one has all of its time.
    pub(super) fn clear(&mut self) {
        self.until = None;
    }

    /// Whether it has passed.
    pub(super) fn has_passed(&self) -> bool {
        self.has_passed
    }

    /// Fails once the wait, which begins now or has begun before, takes `timeout`.
    pub(super) fn poll<T>(&mut self, timeout: Duration, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let until = *self.until.get_or_insert_with(|| Instant::now() + timeout);
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        // Usually the deadline has moved: the timer is reset only when it fires, not for every request.
        if timer.deadline() > until {
            timer.as_mut().reset(until);
        }
        while timer.as_mut().poll(context).is_ready() {
            if timer.deadline() >= until {
                self.has_passed = true;
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            timer.as_mut().reset(until);
        }
        Poll::Pending
    }
}

/// The timeout of a write that waits for the caller to read.
pub(super) struct WriteTimeout {
    timeout: Duration,
    until: Option<Pin<Box<Sleep>>>,
}

impl WriteTimeout {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, until: None }
    }

    /// Ends the wait, and says whether there was one.
    pub(super) fn clear(&mut self) -> bool {
        self.until.take().is_some()
    }

    /// Fails once the wait, which begins now or has begun before, takes too long.
    pub(super) fn poll<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let until = self.until.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.timeout)));
        until.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

//! Health: whether writes succeed, as the last commit or a test write shows.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::error::Error;

/// How long a successful commit counts as evidence that the next one will succeed. Without other writes, probes write this often.
const FRESH: Duration = Duration::from_secs(10);

/// How long a failed commit counts as evidence that the next one will fail, so that a flood of probes is not a flood of writes.
const RETRY: Duration = Duration::from_millis(250);

/// The outcome of the last commit.
pub(super) struct WriteHealth(Mutex<Outcome>);

#[derive(Clone)]
struct Outcome {
    at: Instant,
    /// Why the commit failed.
    cause: Option<String>,
}

impl WriteHealth {
    /// Writes have succeeded just now.
    pub(super) fn new() -> Self {
        Self(Mutex::new(Outcome { at: Instant::now(), cause: None }))
    }

    /// Notes the outcome of a commit.
    pub(super) fn record(&self, committed: Result<(), &Error>) {
        let cause = committed.err().map(|error| match error {
            Error::Unwritable(cause) => cause.clone(),
            error => error.to_string(),
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Outcome { at: Instant::now(), cause };
    }

    /// Whether the last commit failed.
    pub(super) fn has_failed(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).cause.is_some()
    }

    /// Whether writes succeed. None if that has to be tried.
    pub(super) fn known(&self) -> Option<Result<(), Error>> {
        let Outcome { at, cause } = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let lasts = if cause.is_none() { FRESH } else { RETRY };
        let outcome = cause.map_or(Ok(()), |cause| Err(Error::Unwritable(cause)));
        (at.elapsed() < lasts).then_some(outcome)
    }
}

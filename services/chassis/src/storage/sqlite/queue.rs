//! The queue of writes, each with a channel for its outcome.

use std::{
    collections::VecDeque,
    mem, thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tokio::sync::{
    mpsc::{self, error::TryRecvError},
    oneshot,
};

use super::{error::Error, transaction::Transaction};
use crate::context::Ticket;

/// The most writes in the queue.
pub(super) const CAPACITY: usize = 4096;

/// A write on its way through the writer.
pub(super) trait Job: Send {
    fn ticket(&self) -> &Ticket;

    /// When it was queued.
    fn queued(&self) -> Instant;

    /// Executes the write in the open transaction.
    fn execute(&mut self, transaction: &mut Transaction<'_>);

    /// Sends the outcome to the caller, after the transaction has ended.
    fn reply(self: Box<Self>, committed: Result<(), &Error>);
}

struct Write<F, T> {
    ticket: Ticket,
    queued: Instant,
    /// None once it was executed.
    work: Option<F>,
    /// The outcome of the work. None if the transaction could not begin.
    written: Option<Result<T, Error>>,
    caller: oneshot::Sender<Result<T, Error>>,
}

/// A job that does `work`, and the receiver of its outcome.
pub(super) fn job<T: Send + 'static>(
    ticket: Ticket,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
) -> (Box<dyn Job>, oneshot::Receiver<Result<T, Error>>) {
    let (caller, outcome) = oneshot::channel();
    (Box::new(Write { ticket, queued: Instant::now(), work: Some(work), written: None, caller }), outcome)
}

impl<T, F> Job for Write<F, T>
where
    T: Send,
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
{
    fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    fn queued(&self) -> Instant {
        self.queued
    }

    fn execute(&mut self, transaction: &mut Transaction<'_>) {
        self.written = self.work.take().map(|work| transaction.in_savepoint(work));
    }

    fn reply(self: Box<Self>, committed: Result<(), &Error>) {
        let outcome = match (self.written, committed) {
            (Some(Err(error)), _) => Err(error),
            (_, Err(error)) => Err(Error::NotCommitted(error.to_string(), error.is_temporary())),
            (None, Ok(())) => Err(Error::Stopped),
            (Some(Ok(value)), Ok(())) => Ok(value),
        };
        // The caller may have hung up.
        let _ = self.caller.send(outcome);
    }
}

/// The queued writes, in order.
pub(super) struct Queue {
    jobs: mpsc::Receiver<Box<dyn Job>>,
    /// Taken from `jobs` while the database was locked.
    waiting: VecDeque<Box<dyn Job>>,
}

impl Queue {
    pub(super) fn new(jobs: mpsc::Receiver<Box<dyn Job>>) -> Self {
        Self { jobs, waiting: VecDeque::new() }
    }

    /// Whether no job that was taken from the channel is left.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Waits for a job. False if the channel is closed.
    pub(super) fn wait(&mut self, spin_timeout: Duration) -> bool {
        let began = Instant::now();
        while self.waiting.is_empty() && began.elapsed() < spin_timeout {
            match self.jobs.try_recv() {
                Ok(job) => self.waiting.push_back(job),
                Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => thread::yield_now(),
            }
        }
        if self.waiting.is_empty() {
            self.waiting.extend(self.jobs.blocking_recv());
        }
        !self.waiting.is_empty()
    }

    /// The next job that is not cancelled. From now on, it cannot be.
    pub(super) fn begin_next(&mut self) -> Option<Box<dyn Job>> {
        loop {
            let job = self.waiting.pop_front().or_else(|| self.jobs.try_recv().ok())?;
            if job.ticket().begin() {
                return Some(job);
            }
        }
    }

    /// Fails all jobs that `matches` with `error`, and drops the cancelled ones.
    pub(super) fn fail(&mut self, matches: impl Fn(&dyn Job) -> bool, error: &Error) {
        while self.waiting.len() < CAPACITY
            && let Ok(job) = self.jobs.try_recv()
        {
            self.waiting.push_back(job);
        }
        for job in mem::take(&mut self.waiting) {
            match job.ticket().is_cancelled() {
                true => drop(job),
                false if matches(job.as_ref()) => job.reply(Err(error)),
                false => self.waiting.push_back(job),
            }
        }
    }
}

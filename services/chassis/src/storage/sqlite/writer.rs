//! The writer: one thread that owns the connection, takes whatever has queued up, commits it as one transaction, and only
//! then tells the callers.
//!
//! A write that fails takes nobody along: each has a savepoint of its own. A commit that fails fails for all in its group.
//! A write that nobody waits for any more is not begun, and one that has begun is not given up.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::{
    error::Error,
    files::Files,
    queue::{self, Job, Queue},
    readers::Readers,
    transaction::Transaction,
    wal::Log,
};
use crate::{
    context::{CancelOnDrop, RequestContext, Ticket},
    settings::StartupError,
    telemetry::metrics,
};

/// How many writes one transaction takes at most, which bounds how long the first of them waits for the last.
const GROUP: usize = 512;

/// How long a write waits for a lock that another program holds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the writer looks out for the next job of a caller who is alone, before it sleeps: to be woken would take as long.
const SPIN_TIMEOUT: Duration = Duration::from_micros(150);

/// The same where there are many callers, who can use the core better.
const BUSY_SPIN_TIMEOUT: Duration = Duration::from_micros(20);

/// The way to the writer thread. The thread ends when the last of these is gone and the queue is empty.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        log: Log,
        files: Files,
        readers: Arc<Readers>,
    ) -> Result<Self, StartupError> {
        let (queue, jobs) = mpsc::channel(queue::CAPACITY);
        let thread = thread::Builder::new()
            .name("writer".into())
            .spawn(move || work(&connection, log, &files, readers, jobs))
            .map_err(|error| StartupError::new(format!("the writer thread cannot be started: {error}")))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Whether the thread is there to write.
    pub(super) fn is_alive(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| !queue.is_closed())
    }

    /// Makes the writer look at its files, which are not where they were.
    pub(super) fn nudge(&self) {
        let (job, _) = queue::job(Ticket::default(), |_| Ok(()));
        // A queue that is full has others who do.
        let _ = self.queue.as_ref().map(|queue| queue.try_send(job));
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let ticket = Ticket::default();
        let _cancelled_when_nobody_waits = CancelOnDrop(ticket.clone());
        RequestContext::with(|context| context.write.replace(Some(ticket.clone())));
        let (job, outcome) = queue::job(ticket, write);
        let queue = self.queue.as_ref().ok_or(Error::Stopped)?;
        queue.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Busy,
            mpsc::error::TrySendError::Closed(_) => Error::Stopped,
        })?;
        outcome.await.map_err(|_| Error::Stopped)?
    }

    /// Waits until all that was begun is written, and the thread is gone.
    pub(super) fn end_thread(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end_thread();
    }
}

/// Writes until nobody can send any more. Then the readers go before `connection`: whoever closes the file last takes the
/// write-ahead log into it, and must be allowed to write (<https://www.sqlite.org/wal.html#the_wal_file>).
fn work(
    connection: &Connection,
    mut log: Log,
    files: &Files,
    readers: Arc<Readers>,
    jobs: mpsc::Receiver<Box<dyn Job>>,
) {
    let mut transaction = match Transaction::prepare(connection) {
        Ok(transaction) => transaction,
        Err(error) => return tracing::error!(%error, "nothing can be written"),
    };
    let mut queue = Queue::new(jobs);
    let mut spin_timeout = SPIN_TIMEOUT;
    let mut is_log_rescued = false;
    while queue.wait(spin_timeout) {
        match begin(&mut transaction, &mut queue) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error) => {
                queue.fail(|_| true, &error);
                continue;
            }
        }
        let began = Instant::now();
        let mut group = Vec::new();
        let executed = log.stamp(connection).map(|()| execute(&mut queue, &mut group, &mut transaction));
        let committed = transaction.commit(executed.map_err(Error::from).and_then(|()| files.check()));
        match &committed {
            // Nothing of it was begun, and would not be the next time.
            Err(error) if group.is_empty() => queue.fail(|_| true, error),
            _ => metrics::record_commit(group.len(), began.elapsed()),
        }
        spin_timeout = if group.len() == 1 { SPIN_TIMEOUT } else { BUSY_SPIN_TIMEOUT };
        readers.invalidate_snapshots();
        let has_committed = committed.is_ok();
        for job in group {
            job.reply(committed.as_ref().copied());
        }
        if has_committed {
            log.committed(connection, &readers);
        } else if !is_log_rescued && files.check().is_err() && files.has_database() {
            is_log_rescued = rescue(connection, &mut log, &readers);
        }
    }
    close(connection);
}

/// Begins a transaction when no other program holds the lock. Who waits for that too long is told so, and a job that nobody
/// waits for is forgotten meanwhile. False if none is left.
fn begin(transaction: &mut Transaction<'_>, queue: &mut Queue) -> Result<bool, Error> {
    loop {
        match transaction.begin() {
            Ok(()) => return Ok(true),
            Err(error) if error.is_temporary() => {
                queue.fail(|job| job.queued().elapsed() >= LOCK_TIMEOUT, &error);
                if queue.is_empty() {
                    return Ok(false);
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Does the jobs that are queued, and those that queue up meanwhile.
fn execute(queue: &mut Queue, group: &mut Vec<Box<dyn Job>>, transaction: &mut Transaction<'_>) {
    while group.len() < GROUP && transaction.is_open() {
        let Some(mut job) = queue.begin_next() else { return };
        job.execute(transaction);
        group.push(job);
    }
}

/// What is in a log that was deleted can be read as long as this process has it open, and nobody finds it afterwards.
fn rescue(connection: &Connection, log: &mut Log, readers: &Readers) -> bool {
    readers.end_snapshots();
    let is_rescued = log.checkpoint(connection);
    match &is_rescued {
        Ok(true) => tracing::error!("the write-ahead log is gone; what it had is in the database file now"),
        Ok(false) => {
            tracing::error!("the write-ahead log is gone, and another program keeps it from being kept")
        }
        Err(error) => tracing::error!(%error, "the write-ahead log is gone, and what it had cannot be kept"),
    }
    is_rescued.is_ok_and(|is_rescued| is_rescued)
}

fn close(connection: &Connection) {
    // Another program that holds the lock is not waited for: the process is to end.
    let optimised = connection
        .busy_timeout(Duration::ZERO)
        // https://www.sqlite.org/pragma.html#pragma_optimize recommends this before closing.
        .and_then(|()| connection.execute_batch("PRAGMA optimize"));
    if let Err(error) = optimised {
        tracing::warn!(%error, "the database could not be optimised");
    }
}

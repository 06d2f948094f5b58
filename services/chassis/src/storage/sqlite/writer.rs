//! The writer: one thread that owns the connection, commits all queued writes as one transaction, and replies to the callers
//! after the commit.
//!
//! Each write has its own savepoint, so one that fails does not affect the others. If the commit fails, the whole group fails. A
//! cancelled write is never started, and a write that has started is completed.

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
    health::WriteHealth,
    queue::{self, Job, Queue},
    readers::Readers,
    transaction::Transaction,
    wal::{self, Log},
};
use crate::{
    context::{CancelOnDrop, RequestContext, Ticket},
    settings::StartupError,
    telemetry::metrics,
};

/// The most writes in one transaction, which bounds how long the first of them waits for the last.
const GROUP: usize = 512;

/// How long a write waits for a lock that another program holds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a write of a probe may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the writer spins for the next job of a single caller before it sleeps: waking it would take as long.
const SPIN_TIMEOUT: Duration = Duration::from_micros(150);

/// The same with many callers, which make better use of the core.
const BUSY_SPIN_TIMEOUT: Duration = Duration::from_micros(20);

/// The handle of the writer thread. The thread ends when the handle is dropped and the queue is empty.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<thread::JoinHandle<()>>,
    health: Arc<WriteHealth>,
    /// Held by the probe that writes.
    probe: tokio::sync::Mutex<()>,
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        log: Log,
        files: Files,
        readers: Arc<Readers>,
    ) -> Result<Self, StartupError> {
        let (queue, jobs) = mpsc::channel(queue::CAPACITY);
        let health = Arc::new(WriteHealth::new());
        let shared = health.clone();
        let thread = thread::Builder::new()
            .name("writer".into())
            .spawn(move || work(&connection, log, &files, readers, jobs, &shared))
            .map_err(|error| StartupError::new(format!("the writer thread cannot be started: {error}")))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), health, probe: tokio::sync::Mutex::default() })
    }

    /// Whether the thread runs.
    pub(super) fn is_alive(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| !queue.is_closed())
    }

    /// Checks that writes succeed. If the last one is too long ago to tell, writes.
    pub(super) async fn check(&self, files: &Files) -> Result<(), Error> {
        if let Some(known) = self.health.known() {
            return known;
        }
        let _permit = self.probe.lock().await;
        // Another probe may have found out meanwhile.
        if let Some(known) = self.health.known() {
            return known;
        }
        let probed = self.probe(files).await;
        if let Err(error) = &probed {
            self.health.record(Err(error));
        }
        probed
    }

    async fn probe(&self, files: &Files) -> Result<(), Error> {
        // What a write of a single page has found may be too little for others.
        if self.health.has_failed() {
            files.check_room()?;
        }
        let write = self.write(wal::write_first_page);
        match tokio::time::timeout(PROBE_TIMEOUT, write).await {
            // Many writes are queued, and their outcome will be known.
            Ok(Ok(_) | Err(Error::Busy)) => Ok(()),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Error::Unwritable(format!("a write takes longer than {PROBE_TIMEOUT:?}"))),
        }
    }

    /// Makes the writer check its files.
    pub(super) fn wake(&self) {
        let (job, _) = queue::job(Ticket::default(), |_| Ok(()));
        // A full queue wakes the writer anyway.
        let _ = self.queue.as_ref().map(|queue| queue.try_send(job));
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let ticket = Ticket::default();
        let _cancel_on_drop = CancelOnDrop(ticket.clone());
        RequestContext::with(|context| context.write.replace(Some(ticket.clone())));
        let (job, outcome) = queue::job(ticket, write);
        let queue = self.queue.as_ref().ok_or(Error::Stopped)?;
        queue.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Busy,
            mpsc::error::TrySendError::Closed(_) => Error::Stopped,
        })?;
        let outcome = outcome.await;
        // The request may still be cancelled while it does something else.
        RequestContext::with(|context| context.write.take());
        outcome.map_err(|_| Error::Stopped)?
    }

    /// Waits until all queued writes are done and the thread has ended.
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

/// Writes until the handle is dropped. The readers are closed before `connection`, because the connection that closes last
/// checkpoints the write-ahead log, and must be able to write (<https://www.sqlite.org/wal.html#the_wal_file>).
fn work(
    connection: &Connection,
    mut log: Log,
    files: &Files,
    readers: Arc<Readers>,
    jobs: mpsc::Receiver<Box<dyn Job>>,
    health: &WriteHealth,
) {
    let mut transaction = match Transaction::prepare(connection) {
        Ok(transaction) => transaction,
        Err(error) => return tracing::error!(%error, "the writer cannot start"),
    };
    let mut queue = Queue::new(jobs);
    let mut is_busy = false;
    let mut is_log_rescued = false;
    while queue.wait(if is_busy { BUSY_SPIN_TIMEOUT } else { SPIN_TIMEOUT }) {
        if is_busy {
            // Requests that are about to write join the group, if they wait for this core. Each commit costs as much for one write
            // as for many.
            thread::yield_now();
        }
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
            // No write could begin, and none would at the next attempt.
            Err(error) if group.is_empty() => queue.fail(|_| true, error),
            _ => metrics::record_commit(group.len(), began.elapsed()),
        }
        health.record(committed.as_ref().copied());
        is_busy = group.len() > 1;
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

/// Begins a transaction, as soon as no other program holds the lock. Jobs that have waited too long fail meanwhile, and cancelled
/// ones are dropped. False if no job is left.
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

/// Executes the queued jobs, and those that are queued meanwhile.
fn execute(queue: &mut Queue, group: &mut Vec<Box<dyn Job>>, transaction: &mut Transaction<'_>) {
    while group.len() < GROUP && transaction.is_open() {
        let Some(mut job) = queue.begin_next() else { return };
        job.execute(transaction);
        group.push(job);
    }
}

/// Checkpoints a log that was deleted: this process can still read it, but nothing can after it exits.
fn rescue(connection: &Connection, log: &mut Log, readers: &Readers) -> bool {
    readers.end_snapshots();
    let is_rescued = log.checkpoint(connection);
    match &is_rescued {
        Ok(true) => {
            tracing::error!("the write-ahead log was deleted; its content is in the database file now")
        }
        Ok(false) => {
            tracing::error!("the write-ahead log was deleted, and another program blocks its checkpoint")
        }
        Err(error) => {
            tracing::error!(%error, "the write-ahead log was deleted, and its content cannot be saved")
        }
    }
    is_rescued.is_ok_and(|is_rescued| is_rescued)
}

fn close(connection: &Connection) {
    // The process is exiting, so it does not wait for a lock that another program holds.
    let optimised = connection
        .busy_timeout(Duration::ZERO)
        // https://www.sqlite.org/pragma.html#pragma_optimize recommends this before closing.
        .and_then(|()| connection.execute_batch("PRAGMA optimize"));
    if let Err(error) = optimised {
        tracing::warn!(%error, "the database could not be optimised");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::sqlite::{Database, Schema};

    #[tokio::test]
    async fn a_write_waits_for_the_lock_of_another_program_but_not_for_ever() {
        let schema =
            Schema { application_id: 0x7e57, migrations: &["CREATE TABLE thing (id INTEGER) STRICT"] };
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path(), "things", &schema).unwrap();
        let other = Connection::open(folder.path().join("things.db")).unwrap();
        let insert = |connection: &Connection| connection.execute("INSERT INTO thing VALUES (1)", []);
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let began = Instant::now();
        let refused = tokio::time::timeout(Duration::from_secs(60), database.write(insert)).await;
        assert!(refused.expect("it waits for ever").is_err_and(|error| error.is_temporary()));
        assert!(began.elapsed() >= LOCK_TIMEOUT, "{:?}", began.elapsed());
        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!(database.write(insert).await.unwrap(), 1);
    }
}

//! The writer: one thread that owns the connection, takes whatever has queued up, commits it as one transaction, and only
//! then tells the callers.
//!
//! A write that fails takes nobody along: each has a savepoint of its own. A commit that fails fails for all in its group.
//! A write that nobody waits for any more is not begun, and one that has begun is not given up.

use std::{
    collections::VecDeque,
    mem,
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, Statement};
use tokio::sync::{
    mpsc::{self, error::TryRecvError},
    oneshot,
};

use super::{
    Error,
    files::Files,
    readers::Readers,
    ticket::{CancelOnDrop, Ticket},
    wal::Log,
};
use crate::{metrics, server::Context, settings::Fatal};

/// How many writes may wait.
const QUEUE: usize = 4096;

/// How many writes one transaction takes at most, which bounds how long the first of them waits for the last.
const GROUP: usize = 512;

/// How long a write waits for a lock that another program holds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the writer looks out for the next job of a caller who is alone, before it sleeps: to be woken would take as long.
const LOOKOUT: Duration = Duration::from_micros(150);

/// The same where there are many callers, who can use the core better.
const BUSY_LOOKOUT: Duration = Duration::from_micros(20);

/// A write on its way through the writer.
trait Job: Send {
    fn ticket(&self) -> &Ticket;

    /// When it was queued.
    fn queued(&self) -> Instant;

    /// Does the work inside the open transaction.
    fn execute(&mut self, transaction: &mut Transaction<'_>);

    /// Tells the caller how it went, now that it is known how the transaction went.
    fn reply(self: Box<Self>, committed: Result<(), &Error>);
}

struct Write<F, T> {
    ticket: Ticket,
    queued: Instant,
    /// Gone once it was executed.
    work: Option<F>,
    /// What came of it; not there if the transaction could not even begin.
    written: Option<Result<T, Error>>,
    caller: oneshot::Sender<Result<T, Error>>,
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
        // A caller who hung up does not need to be told.
        let _ = self.caller.send(outcome);
    }
}

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
    ) -> Result<Self, Fatal> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new()
            .name("writer".into())
            .spawn(move || work(&connection, log, &files, readers, jobs))
            .map_err(|error| Fatal::new(format!("the writer thread cannot be started: {error}")))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Whether the thread is there to write.
    pub(super) fn is_alive(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| !queue.is_closed())
    }

    /// Makes the writer look at its files, which are not where they were.
    pub(super) fn nudge(&self) {
        let (caller, _) = oneshot::channel();
        let work = |_: &Connection| Ok(());
        let job = Write {
            ticket: Ticket::default(),
            queued: Instant::now(),
            work: Some(work),
            written: None,
            caller,
        };
        // A queue that is full has others who do.
        let _ = self.queue.as_ref().map(|queue| queue.try_send(Box::new(job)));
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (caller, outcome) = oneshot::channel();
        let ticket = Ticket::default();
        let _cancelled_when_nobody_waits = CancelOnDrop(ticket.clone());
        Context::with(|context| context.note_write(ticket.clone()));
        let job =
            Box::new(Write { ticket, queued: Instant::now(), work: Some(write), written: None, caller });
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
    let mut queue = Queue { jobs, waiting: VecDeque::new() };
    let mut lookout = LOOKOUT;
    let mut is_log_rescued = false;
    while queue.wait(lookout) {
        if let Err(error) = transaction.begin(&mut queue) {
            queue.fail(|_| true, &error);
            continue;
        }
        let began = Instant::now();
        let mut group = Vec::new();
        let committed = transaction.commit(&mut log, files, &mut group, &mut queue);
        match &committed {
            // Nothing of it was begun, and would not be the next time.
            Err(error) if group.is_empty() => queue.fail(|_| true, error),
            _ => metrics::count_commit(group.len(), began.elapsed()),
        }
        lookout = if group.len() == 1 { LOOKOUT } else { BUSY_LOOKOUT };
        readers.invalidate_snapshots();
        let has_committed = committed.is_ok();
        for job in group {
            job.reply(committed.as_ref().copied());
        }
        if has_committed {
            log.committed(connection, &readers);
        } else if !is_log_rescued && files.missing().is_some() && files.has_database() {
            is_log_rescued = rescue(connection, &mut log, &readers);
        }
    }
    close(connection);
}

/// What is in a log that was deleted can be read as long as this process has it open, and nobody finds it afterwards.
fn rescue(connection: &Connection, log: &mut Log, readers: &Readers) -> bool {
    readers.end_snapshots();
    let rescued = log.checkpoint(connection);
    match &rescued {
        Ok(()) => tracing::error!("the write-ahead log is gone; what it had is in the database file now"),
        Err(error) => tracing::error!(%error, "the write-ahead log is gone, and what it had cannot be kept"),
    }
    rescued.is_ok()
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

/// The writes that are to be done, in their order.
struct Queue {
    jobs: mpsc::Receiver<Box<dyn Job>>,
    /// Taken from `jobs` while the database was locked.
    waiting: VecDeque<Box<dyn Job>>,
}

impl Queue {
    /// Waits for a job. False if none will come any more.
    fn wait(&mut self, lookout: Duration) -> bool {
        let began = Instant::now();
        while self.waiting.is_empty() && began.elapsed() < lookout {
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

    /// The next job that is still wanted. From now on it cannot be cancelled.
    fn begin_next(&mut self) -> Option<Box<dyn Job>> {
        loop {
            let job = self.waiting.pop_front().or_else(|| self.jobs.try_recv().ok())?;
            if job.ticket().begin() {
                return Some(job);
            }
        }
    }

    /// Answers with `error` all that `is_meant`, and forgets what was cancelled.
    fn fail(&mut self, is_meant: impl Fn(&dyn Job) -> bool, error: &Error) {
        while self.waiting.len() < QUEUE
            && let Ok(job) = self.jobs.try_recv()
        {
            self.waiting.push_back(job);
        }
        for job in mem::take(&mut self.waiting) {
            match job.ticket().is_cancelled() {
                true => drop(job),
                false if is_meant(job.as_ref()) => job.reply(Err(error)),
                false => self.waiting.push_back(job),
            }
        }
    }
}

/// What is done around writes, one transaction after the other, by statements that are prepared once.
struct Transaction<'a> {
    connection: &'a Connection,
    begin: Statement<'a>,
    savepoint: Statement<'a>,
    rollback_to_savepoint: Statement<'a>,
    release: Statement<'a>,
    commit: Statement<'a>,
    rollback: Statement<'a>,
}

impl<'a> Transaction<'a> {
    fn prepare(connection: &'a Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            connection,
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            savepoint: connection.prepare("SAVEPOINT write")?,
            rollback_to_savepoint: connection.prepare("ROLLBACK TO write")?,
            release: connection.prepare("RELEASE write")?,
            commit: connection.prepare("COMMIT")?,
            rollback: connection.prepare("ROLLBACK")?,
        })
    }

    /// Begins a transaction when no other program holds the lock. Who waits for that too long is told so, and a job that
    /// nobody waits for is forgotten meanwhile.
    fn begin(&mut self, queue: &mut Queue) -> Result<(), Error> {
        loop {
            match self.begin.execute([]).map_err(Error::from) {
                Ok(_) => return Ok(()),
                Err(error) if error.is_temporary() => {
                    queue.fail(|job| job.queued().elapsed() >= LOCK_TIMEOUT, &error);
                    if queue.waiting.is_empty() {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Does the jobs that are queued, and those that queue up meanwhile, in the open transaction.
    fn commit(
        &mut self,
        log: &mut Log,
        files: &Files,
        group: &mut Vec<Box<dyn Job>>,
        queue: &mut Queue,
    ) -> Result<(), Error> {
        let stamped = log.stamp(self.connection);
        // A full disk, say, rolls everything back at once; then there is nothing to go on with.
        while stamped.is_ok() && group.len() < GROUP && !self.connection.is_autocommit() {
            let Some(mut job) = queue.begin_next() else { break };
            job.execute(self);
            group.push(job);
        }
        let committed = stamped.map_err(Error::from).and_then(|()| match files.missing() {
            Some(file) => Err(Error::Vanished(file.display().to_string())),
            None => Ok(self.commit.execute([]).map(drop)?),
        });
        if committed.is_err() && !self.connection.is_autocommit() {
            self.rollback.execute([])?;
        }
        committed
    }

    /// A write that fails, or panics, leaves nothing behind and the others alone.
    fn in_savepoint<T>(&mut self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        self.savepoint.execute([])?;
        let written = match panic::catch_unwind(AssertUnwindSafe(|| work(self.connection))) {
            Ok(written) => written.map_err(Error::from),
            Err(_) => Err(Error::Panicked),
        };
        if written.is_err() {
            self.rollback_to_savepoint.execute([])?;
        }
        self.release.execute([])?;
        written
    }
}

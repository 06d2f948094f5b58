//! The writer: one thread that owns the connection, takes whatever has queued up, commits it as one transaction, and only
//! then tells the callers.
//!
//! A write that fails takes nobody along: each has a savepoint of its own. A commit that fails fails for all in its group.

use std::{
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

use super::{Error, File, readers::Readers};
use crate::{metrics, settings::Fatal};

/// How many writes may wait.
const QUEUE: usize = 4096;

/// How many writes one transaction takes at most, which bounds how long the first of them waits for the last.
const GROUP: usize = 512;

/// How long the writer looks out for the next job of a caller who is alone, before it sleeps: to be woken would take as long.
const LOOKOUT: Duration = Duration::from_micros(150);

/// The same where there are many callers, who can use the core better.
const BUSY_LOOKOUT: Duration = Duration::from_micros(20);

/// A write on its way through the writer.
trait Job: Send {
    /// Does the work inside the open transaction.
    fn run(&mut self, transaction: &mut Transaction<'_>);

    /// Tells the caller how it went, now that it is known how the transaction went.
    fn tell(self: Box<Self>, committed: Result<(), &Error>);
}

struct Write<F, T> {
    /// Gone once it was run.
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
    fn run(&mut self, transaction: &mut Transaction<'_>) {
        self.written = self.work.take().map(|work| transaction.in_savepoint(work));
    }

    fn tell(self: Box<Self>, committed: Result<(), &Error>) {
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
    pub(super) fn start(connection: Connection, file: File, readers: Arc<Readers>) -> Result<Self, Fatal> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new()
            .name("writer".into())
            .spawn(move || work(&connection, &file, readers, jobs))
            .map_err(|error| Fatal::new(format!("the writer thread cannot be started: {error}")))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (caller, outcome) = oneshot::channel();
        let job = Box::new(Write { work: Some(write), written: None, caller });
        let queue = self.queue.as_ref().ok_or(Error::Stopped)?;
        queue.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Busy,
            mpsc::error::TrySendError::Closed(_) => Error::Stopped,
        })?;
        outcome.await.map_err(|_| Error::Stopped)?
    }
}

impl Drop for Writer {
    /// Waits until all that was queued is written.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Writes until nobody can send any more. Then the readers go before `connection`: whoever closes the file last takes the
/// write-ahead log into it, and must be allowed to write (<https://www.sqlite.org/wal.html#the_wal_file>).
fn work(
    connection: &Connection,
    file: &File,
    readers: Arc<Readers>,
    mut queue: mpsc::Receiver<Box<dyn Job>>,
) {
    let mut transaction = match Transaction::prepare(connection) {
        Ok(transaction) => transaction,
        Err(error) => return tracing::error!(%error, "nothing can be written"),
    };
    let mut lookout = LOOKOUT;
    while let Some(first) = next(&mut queue, lookout) {
        let mut group = vec![first];
        let began = Instant::now();
        let committed = transaction.commit(file, &mut group, &mut queue);
        metrics::count_commit(group.len(), began.elapsed());
        lookout = if group.len() == 1 { LOOKOUT } else { BUSY_LOOKOUT };
        readers.note_commit();
        for job in group {
            job.tell(committed.as_ref().copied());
        }
    }
    // https://www.sqlite.org/pragma.html#pragma_optimize recommends this before closing.
    if let Err(error) = connection.execute_batch("PRAGMA optimize") {
        tracing::warn!(%error, "the database could not be optimised");
    }
}

/// The next job, if one is yet to come.
fn next(queue: &mut mpsc::Receiver<Box<dyn Job>>, lookout: Duration) -> Option<Box<dyn Job>> {
    let began = Instant::now();
    while began.elapsed() < lookout {
        match queue.try_recv() {
            Ok(job) => return Some(job),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => thread::yield_now(),
        }
    }
    queue.blocking_recv()
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

    /// Runs the job in `group` and those that queue up meanwhile in one transaction.
    fn commit(
        &mut self,
        file: &File,
        group: &mut Vec<Box<dyn Job>>,
        queue: &mut mpsc::Receiver<Box<dyn Job>>,
    ) -> Result<(), Error> {
        self.begin.execute([])?;
        let mut done = 0;
        while let Some(job) = group.get_mut(done) {
            job.run(self);
            done += 1;
            // A full disk, say, rolls everything back at once; then there is nothing to go on with.
            let was_rolled_back = self.connection.is_autocommit();
            if done < GROUP && !was_rolled_back {
                group.extend(queue.try_recv());
            }
        }
        let committed = file.check().and_then(|()| Ok(self.commit.execute([]).map(drop)?));
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

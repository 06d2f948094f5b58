//! The connections that read.
//!
//! A reader keeps its snapshot for the next read, since beginning one takes two system calls to lock the file, a tenth of the
//! time of a request. It begins a new one after a commit, or after a while, because another program may have written. An unused
//! snapshot would keep SQLite from restarting its write-ahead log
//! (<https://www.sqlite.org/wal.html#avoiding_excessively_large_wal_files>), so each commit ends the unused ones, and a thread
//! ends them when there are no reads or writes.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{connect, error::Error};
use crate::{settings::StartupError, telemetry::metrics};

/// The most connections for reads of a few rows. A core runs one of them at a time.
const SHORT: usize = 16;

/// How many connections read many rows, each on a thread for blocking work.
pub(super) const LONG: usize = 3;

/// How old a snapshot may be, and so how late a write of another program is seen.
const SNAPSHOT_AGE: Duration = Duration::from_millis(100);

pub(super) struct Readers {
    connections: Arc<Connections>,
    expiry: Option<thread::JoinHandle<()>>,
}

struct Connections {
    short: Vec<Mutex<Reader>>,
    /// Separate from the others, so that a read of a few rows never waits for one of many.
    long: Vec<Mutex<Reader>>,
    long_permits: Arc<Semaphore>,
    /// How many transactions the writer has committed.
    commits: AtomicU64,
    /// The reader to wait for if all are in use.
    next: AtomicUsize,
    /// Whether the thread that ends snapshots has work to do.
    is_expiry_due: AtomicBool,
    is_closed: AtomicBool,
}

struct Reader {
    connection: Connection,
    /// None while there is no transaction.
    snapshot: Option<Snapshot>,
}

#[derive(Clone, Copy)]
struct Snapshot {
    commits: u64,
    taken: Instant,
}

impl Snapshot {
    fn is_young(self) -> bool {
        self.taken.elapsed() < SNAPSHOT_AGE
    }
}

impl Readers {
    pub(super) fn open(path: &Path) -> Result<Self, StartupError> {
        let open = |count| {
            let reader = || {
                let connection = connect::open_reader(path)?;
                Ok(Mutex::new(Reader { connection, snapshot: None }))
            };
            std::iter::repeat_with(reader).take(count).collect::<Result<Vec<_>, StartupError>>()
        };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let connections = Arc::new(Connections {
            short: open(cores.clamp(2, SHORT))?,
            long: open(LONG)?,
            long_permits: Arc::new(Semaphore::new(LONG)),
            commits: AtomicU64::new(0),
            next: AtomicUsize::new(0),
            is_expiry_due: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
        });
        let shared = connections.clone();
        let expiry = thread::Builder::new()
            .name("snapshots".into())
            .spawn(move || shared.end_old_snapshots())
            .map_err(|error| {
                StartupError::new(format!("the thread that ends snapshots cannot be started: {error}"))
            })?;
        Ok(Self { connections, expiry: Some(expiry) })
    }

    /// Reads on the calling thread.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let reader = self.connections.free(&self.connections.short);
        self.read_with(reader, read)
    }

    /// Reads on a thread for blocking work, as soon as a connection for many rows is free.
    pub(super) async fn read_much<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let permit = self.connections.long_permits.clone().acquire_owned().await;
        let permit = permit.map_err(|_| Error::Stopped)?;
        let readers = self.clone();
        let read = move || {
            // Held by the thread: a caller that hangs up ends neither the read nor its use of the thread.
            let _permit = permit;
            let reader = readers.connections.free(&readers.connections.long);
            readers.read_with(reader, read)
        };
        Ok(tokio::task::spawn_blocking(read).await.map_err(|_| Error::Stopped)??)
    }

    fn read_with<T>(
        &self,
        mut reader: MutexGuard<'_, Reader>,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        metrics::count_read();
        if reader.refresh(self.connections.commits.load(Ordering::Acquire))? {
            self.expire_later();
        }
        let outcome = read(&reader.connection);
        if outcome.is_err() {
            reader.end_snapshot();
        }
        outcome
    }

    fn expire_later(&self) {
        if !self.connections.is_expiry_due.swap(true, Ordering::AcqRel) {
            self.expiry.iter().for_each(|expiry| expiry.thread().unpark());
        }
    }

    /// Makes all further reads see the last commit.
    pub(super) fn invalidate_snapshots(&self) {
        self.connections.commits.fetch_add(1, Ordering::Release);
        for mut reader in self.connections.all().filter_map(lock_if_free) {
            reader.end_snapshot();
        }
    }

    /// Ends all snapshots, and waits for the reads that use them.
    pub(super) fn end_snapshots(&self) {
        for reader in self.connections.all() {
            lock(reader).end_snapshot();
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.connections.is_closed.store(true, Ordering::Release);
        if let Some(expiry) = self.expiry.take() {
            expiry.thread().unpark();
            let _ = expiry.join();
        }
    }
}

impl Connections {
    fn all(&self) -> impl Iterator<Item = &Mutex<Reader>> {
        self.short.iter().chain(&self.long)
    }

    /// An unused reader, or else the next in turn.
    fn free<'a>(&self, readers: &'a [Mutex<Reader>]) -> MutexGuard<'a, Reader> {
        let free = readers.iter().find_map(lock_if_free);
        free.unwrap_or_else(|| lock(&readers[self.next.fetch_add(1, Ordering::Relaxed) % readers.len()]))
    }

    /// Ends old snapshots until the readers are closed. Sleeps while there are none.
    fn end_old_snapshots(&self) {
        while !self.is_closed.load(Ordering::Acquire) {
            if !self.is_expiry_due.load(Ordering::Acquire) {
                thread::park();
                continue;
            }
            thread::park_timeout(SNAPSHOT_AGE);
            self.is_expiry_due.store(false, Ordering::Release);
            let mut are_all_ended = true;
            for reader in self.all() {
                match lock_if_free(reader) {
                    Some(reader) if reader.snapshot.is_none() => {}
                    Some(mut reader) if !reader.snapshot.is_some_and(Snapshot::is_young) => {
                        reader.end_snapshot()
                    }
                    _ => are_all_ended = false,
                }
            }
            if !are_all_ended {
                self.is_expiry_due.store(true, Ordering::Release);
            }
        }
    }
}

fn lock(reader: &Mutex<Reader>) -> MutexGuard<'_, Reader> {
    reader.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lock_if_free(reader: &Mutex<Reader>) -> Option<MutexGuard<'_, Reader>> {
    match reader.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

impl Reader {
    /// Makes sure that the snapshot contains all `commits`. True if it is a new one.
    fn refresh(&mut self, commits: u64) -> rusqlite::Result<bool> {
        if self.snapshot.is_some_and(|snapshot| snapshot.commits == commits && snapshot.is_young()) {
            return Ok(false);
        }
        self.end_snapshot();
        // The snapshot begins with the first statement that reads, so it contains at least `commits`.
        self.connection.prepare_cached("BEGIN")?.execute([])?;
        self.snapshot = Some(Snapshot { commits, taken: Instant::now() });
        Ok(true)
    }

    fn end_snapshot(&mut self) {
        self.snapshot = None;
        // A failure may have ended the transaction already.
        if !self.connection.is_autocommit() {
            let end = self.connection.prepare_cached("ROLLBACK").and_then(|mut end| end.execute([]));
            if let Err(error) = end {
                tracing::warn!(%error, "ending a snapshot failed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_read_has_one_snapshot_and_the_next_one_sees_what_was_committed_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("things.db");
        let writer = Connection::open(&file).unwrap();
        writer.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE thing (id INTEGER)").unwrap();
        let readers = Readers::open(&file).unwrap();
        let count = |connection: &Connection| {
            connection.query_row("SELECT count(*) FROM thing", [], |row| row.get::<_, i64>(0))
        };
        let counts = readers.read(|connection| {
            let before = count(connection)?;
            writer.execute_batch("INSERT INTO thing VALUES (1)")?;
            readers.invalidate_snapshots();
            Ok((before, count(connection)?))
        });
        assert_eq!(counts.unwrap(), (0, 0));
        assert_eq!(readers.read(count).unwrap(), 1);
    }

    #[tokio::test]
    async fn a_read_of_many_rows_that_is_given_up_keeps_its_permit_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("things.db");
        Connection::open(&file).unwrap().execute_batch("CREATE TABLE thing (id INTEGER)").unwrap();
        let readers = Arc::new(Readers::open(&file).unwrap());
        let (go_on, wait) = mpsc::channel::<()>();
        let (started, has_started) = tokio::sync::oneshot::channel();
        let read = tokio::spawn({
            let readers = readers.clone();
            let read = move |_: &Connection| {
                let _ = started.send(());
                wait.recv().ok();
                Ok(())
            };
            async move { readers.read_much(read).await }
        });
        has_started.await.unwrap();
        read.abort();
        assert!(read.await.unwrap_err().is_cancelled());
        let permits = &readers.connections.long_permits;
        assert_eq!(permits.available_permits(), LONG - 1);
        drop(go_on);
        let all = permits.acquire_many(LONG as u32);
        let all = tokio::time::timeout(Duration::from_secs(10), all).await;
        assert!(all.expect("the read does not end").is_ok());
    }
}

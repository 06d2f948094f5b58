//! The connections that read.
//!
//! A reader keeps its snapshot for the next read, since taking one costs two system calls that lock the file, a tenth of the
//! time of a whole request. It takes a new one when there was a commit since, or when so much time has passed that another
//! program may have written. A snapshot that nobody uses would keep SQLite from ever beginning its write-ahead log anew
//! (<https://www.sqlite.org/wal.html#avoiding_excessively_large_wal_files>), so each commit gives up those that are left over.

use std::{
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::open;
use crate::{metrics, settings::Fatal};

/// How many connections read. Reads are short, so more than the cores that run them would not help.
const READERS: usize = 4;

/// How old a snapshot may be, which is how long what another program writes may not be seen.
const SNAPSHOT_AGE: Duration = Duration::from_millis(100);

pub(super) struct Readers {
    readers: Vec<Mutex<Reader>>,
    /// How many transactions the writer has committed.
    commits: AtomicU64,
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

impl Readers {
    pub(super) fn open(path: &Path) -> Result<Self, Fatal> {
        let reader = || {
            let connection = open::open_reader(path)?;
            Ok(Mutex::new(Reader { connection, snapshot: None }))
        };
        let readers = std::iter::repeat_with(reader).take(READERS).collect::<Result<_, _>>()?;
        Ok(Self { readers, commits: AtomicU64::new(0) })
    }

    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        metrics::count_read();
        let mut reader = self.free();
        reader.refresh(self.commits.load(Ordering::Acquire))?;
        let outcome = read(&reader.connection);
        if outcome.is_err() {
            reader.give_up();
        }
        outcome
    }

    /// From now on, reads see what was committed.
    pub(super) fn note_commit(&self) {
        self.commits.fetch_add(1, Ordering::Release);
        for mut reader in self.readers.iter().filter_map(lock_if_free) {
            reader.give_up();
        }
    }

    /// A reader that nobody uses, or else the first to become free.
    fn free(&self) -> MutexGuard<'_, Reader> {
        let free = self.readers.iter().find_map(lock_if_free);
        free.unwrap_or_else(|| self.readers[0].lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn lock_if_free(reader: &Mutex<Reader>) -> Option<MutexGuard<'_, Reader>> {
    match reader.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

impl Reader {
    /// Sees to a snapshot that has all `commits`.
    fn refresh(&mut self, commits: u64) -> rusqlite::Result<()> {
        let now = Instant::now();
        let is_fresh = |snapshot: Snapshot| {
            snapshot.commits == commits && now.duration_since(snapshot.taken) < SNAPSHOT_AGE
        };
        if self.snapshot.is_some_and(is_fresh) {
            return Ok(());
        }
        self.give_up();
        // The first statement that reads takes the snapshot, so it is at least as new as `commits`.
        self.connection.prepare_cached("BEGIN")?.execute([])?;
        self.snapshot = Some(Snapshot { commits, taken: now });
        Ok(())
    }

    fn give_up(&mut self) {
        self.snapshot = None;
        // A failure may have ended the transaction already.
        if !self.connection.is_autocommit() {
            let end = self.connection.prepare_cached("ROLLBACK").and_then(|mut end| end.execute([]));
            if let Err(error) = end {
                tracing::warn!(%error, "a snapshot could not be given up");
            }
        }
    }
}

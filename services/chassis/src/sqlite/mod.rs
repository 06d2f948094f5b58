//! One SQLite file: opened with care, read on the spot, written by one thread that commits in groups.
//!
//! Writes are durable when they are acknowledged: WAL with `synchronous=FULL` syncs the log at every commit
//! (<https://www.sqlite.org/pragma.html#pragma_synchronous>). One commit for all that has queued up makes that cheap.

mod column;
mod open;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
};

use rusqlite::{Connection, ErrorCode};

pub use self::open::Schema;
use self::writer::Writer;
use crate::{refusal::Refused, settings::Fatal};

/// How many connections read. Reads are short, so more than the cores that run them would not help.
const READERS: usize = 4;

/// Why the database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite failed.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The write went well, but the transaction that it belonged to could not be committed.
    #[error("the transaction was not committed: {0}")]
    NotCommitted(
        String,
        /// Whether it is a matter of waiting.
        bool,
    ),
    /// The write panicked.
    #[error("the write panicked")]
    Panicked,
    /// More writes are queued than the writer takes on.
    #[error("too many writes are queued")]
    Busy,
    /// The writer is gone.
    #[error("the writer has stopped")]
    Stopped,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        match &error {
            Error::Busy | Error::Stopped | Error::NotCommitted(_, true) => Self::unavailable(error),
            Error::Sqlite(cause) if is_temporary(cause) => Self::unavailable(error),
            Error::Sqlite(_) | Error::NotCommitted(..) | Error::Panicked => Self::internal(error),
        }
    }
}

/// Whether another program holds the file: a matter of waiting, not a fault.
fn is_temporary(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// A database that can be shared by everybody who answers requests.
#[derive(Clone)]
pub struct Database {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    readers: Vec<Mutex<Connection>>,
    writer: Writer,
}

impl Database {
    /// Opens `<folder>/<name>.db`, makes it if it is not there, and brings it to the newest version of `schema`.
    ///
    /// # Errors
    /// A sentence that says why the file cannot be used and what to do.
    pub fn open(folder: &Path, name: &str, schema: &Schema) -> Result<Self, Fatal> {
        let path = folder.join(format!("{name}.db"));
        let writer = open::open(&path, schema)?;
        let reader = || open::open_reader(&path).map(Mutex::new);
        let readers = std::iter::repeat_with(reader).take(READERS).collect::<Result<_, _>>()?;
        Ok(Self { shared: Arc::new(Shared { readers, writer: Writer::start(writer)?, path }) })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Reads on the spot. For a few rows: the thread that calls does nothing else meanwhile.
    ///
    /// # Errors
    /// SQLite fails.
    pub fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        Ok(read(&self.reader())?)
    }

    /// Reads on a thread that may wait. For many rows.
    ///
    /// # Errors
    /// SQLite fails.
    pub async fn read_much<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let database = self.clone();
        tokio::task::spawn_blocking(move || database.read(read)).await.map_err(|_| Error::Stopped)?
    }

    /// Writes in a transaction, and returns when it is on the disk. If `write` fails, nothing of it stays.
    ///
    /// Once queued, the write happens even if the future is dropped.
    ///
    /// # Errors
    /// `write` fails, the commit fails, or too many writes are queued.
    pub async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.shared.writer.write(write).await
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    pub fn check(&self) -> Result<(), Error> {
        self.read(|connection| connection.query_row("SELECT 1 FROM sqlite_schema LIMIT 1", [], |_| Ok(())))
    }

    /// A connection that nobody uses, or else the first to become free.
    fn reader(&self) -> MutexGuard<'_, Connection> {
        let free = self.shared.readers.iter().find_map(|reader| match reader.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        });
        free.unwrap_or_else(|| self.shared.readers[0].lock().unwrap_or_else(PoisonError::into_inner))
    }
}

//! One SQLite file: opened with care, read on the spot, written by one thread that commits in groups.
//!
//! Writes are durable when they are acknowledged: WAL with `synchronous=FULL` syncs the log at every commit
//! (<https://www.sqlite.org/pragma.html#pragma_synchronous>). One commit for all that has queued up makes that cheap.

mod column;
mod open;
mod readers;
mod writer;

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::{Connection, ErrorCode};

pub use self::open::Schema;
use self::{readers::Readers, writer::Writer};
use crate::{
    refusal::Refused,
    settings::Fatal,
    trace::{self, Span},
    value::Id,
};

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
    /// The file is not where it was: what is written now would be lost.
    #[error("{0} is gone, or another file is in its place")]
    Vanished(String),
    /// The writer is gone.
    #[error("the writer has stopped")]
    Stopped,
}

impl Error {
    /// Whether it is a matter of waiting, not a fault: another program holds the file, or there is too much to do.
    fn is_temporary(&self) -> bool {
        match self {
            Self::Busy | Self::Stopped => true,
            Self::Sqlite(cause) => {
                matches!(cause.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
            }
            Self::NotCommitted(_, is_temporary) => *is_temporary,
            Self::Vanished(_) | Self::Panicked => false,
        }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        if error.is_temporary() { Self::unavailable(error) } else { Self::internal(error) }
    }
}

/// A file that is known again. SQLite goes on writing to a file that was deleted, and nobody would ever read that.
#[derive(Clone)]
struct File {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl File {
    fn at(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self { path: path.to_owned(), device: metadata.dev(), inode: metadata.ino() })
    }

    /// Whether it is still where it was.
    fn check(&self) -> Result<(), Error> {
        match Self::at(&self.path) {
            Ok(found) if (found.device, found.inode) == (self.device, self.inode) => Ok(()),
            _ => Err(Error::Vanished(self.path.display().to_string())),
        }
    }
}

/// What a span calls a read.
const READ: &str = "read";
/// What a span calls a write.
const WRITE: &str = "write";

/// A database that can be shared by everybody who answers requests.
#[derive(Clone)]
pub struct Database {
    shared: Arc<Shared>,
}

struct Shared {
    file: File,
    readers: Arc<Readers>,
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
        let file =
            File::at(&path).map_err(|error| Fatal::new(format!("{} is gone: {error}", path.display())))?;
        let readers = Arc::new(Readers::open(&path)?);
        let writer = Writer::start(writer, file.clone(), readers.clone())?;
        Ok(Self { shared: Arc::new(Shared { readers, writer, file }) })
    }

    /// Reads on the spot. For a few rows: the thread that calls does nothing else meanwhile.
    ///
    /// # Errors
    /// SQLite fails.
    pub fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        let span = self.span(READ);
        span.end(self.shared.readers.read(read).map_err(Error::from))
    }

    /// Reads on a thread that may wait. For many rows.
    ///
    /// # Errors
    /// SQLite fails.
    pub async fn read_much<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let span = self.span(READ);
        let shared = self.shared.clone();
        let outcome = tokio::task::spawn_blocking(move || shared.readers.read(read)).await;
        span.end(outcome.map_err(|_| Error::Stopped).and_then(|outcome| Ok(outcome?)))
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
        let span = self.span(WRITE);
        span.end(self.shared.writer.write(write).await)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    pub fn check(&self) -> Result<(), Error> {
        self.shared.file.check()?;
        self.read(|connection| connection.query_row("SELECT 1 FROM sqlite_schema LIMIT 1", [], |_| Ok(())))
    }

    fn span(&self, operation: &'static str) -> Span {
        trace::database(operation, &self.shared.file.path)
    }
}

/// The id of the row that was inserted last.
///
/// # Errors
/// It is none that a service assigns.
pub fn last_id(connection: &Connection) -> rusqlite::Result<Id> {
    let id = connection.last_insert_rowid();
    Id::new(id).ok_or(rusqlite::Error::IntegralValueOutOfRange(0, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: Schema = Schema {
        application_id: 0x7e57,
        migrations: &["CREATE TABLE thing (id INTEGER PRIMARY KEY CHECK (id < 1000)) STRICT"],
    };

    fn insert(id: i64) -> impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static {
        move |connection| connection.execute("INSERT INTO thing VALUES (?1)", [id]).map(drop)
    }

    fn ids(database: &Database) -> Vec<i64> {
        let read = |connection: &Connection| {
            let mut statement = connection.prepare("SELECT id FROM thing ORDER BY id")?;
            statement.query_map([], |row| row.get(0))?.collect()
        };
        database.read(read).unwrap()
    }

    #[tokio::test]
    async fn writes_that_fail_or_panic_leave_nothing_and_take_nobody_along() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path(), "things", &SCHEMA).unwrap();
        // The first write holds the writer up, so that the others form one group behind it.
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let first = database.write(move |connection| {
            wait.recv().ok();
            insert(1)(connection)
        });
        let half = database.write(|connection| {
            insert(2)(connection)?;
            insert(5000)(connection)
        });
        let panicking = database.write(|connection| {
            insert(3)(connection)?;
            panic!("in the middle of a write");
        });
        let last = database.write(insert(4));
        let outcomes = async { tokio::join!(first, half, panicking, last) };
        let (outcomes, ()) = tokio::join!(outcomes, async { go_on.send(()).unwrap() });
        let (first, half, panicking, last): (_, _, Result<(), Error>, _) = outcomes;
        assert!(first.is_ok() && last.is_ok());
        assert!(matches!(half, Err(Error::Sqlite(_))), "{half:?}");
        assert!(matches!(panicking, Err(Error::Panicked)), "{panicking:?}");
        assert_eq!(ids(&database), [1, 4]);
    }

    #[tokio::test]
    async fn a_write_whose_caller_has_gone_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path(), "things", &SCHEMA).unwrap();
        {
            let mut write = std::pin::pin!(database.write(insert(1)));
            let polled = futures_util::poll!(&mut write);
            assert!(polled.is_pending() || polled.is_ready());
        }
        database.write(insert(2)).await.unwrap();
        assert_eq!(ids(&database), [1, 2]);
    }

    #[tokio::test]
    async fn what_was_queued_is_written_before_the_database_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path(), "things", &SCHEMA).unwrap();
        for id in 1..100 {
            let mut write = std::pin::pin!(database.write(insert(id)));
            let _ = futures_util::poll!(&mut write);
        }
        drop(database);
        let database = Database::open(folder.path(), "things", &SCHEMA).unwrap();
        assert_eq!(ids(&database), (1..100).collect::<Vec<_>>());
    }
}

//! One SQLite file: checked when it is opened, read on the calling thread, and written by one thread that commits in groups.
//!
//! A write is durable when it is acknowledged: WAL with `synchronous=FULL` syncs the log at every commit
//! (<https://www.sqlite.org/pragma.html#pragma_synchronous>). One commit for all queued writes makes that cheap.

pub(super) mod transfer;
mod writer;
mod health;
mod queue;
mod transaction;
mod open;
mod restore;
mod backup;
mod copy;
mod cancellation;
mod checks;
mod wal;
mod readers;
mod connect;
mod files;
mod schema;
mod error;
mod column;

use std::{fs::File, path::Path, sync::Arc};

use opentelemetry::trace::SpanKind;
use rusqlite::Connection;

pub use self::{
    backup::back_up,
    cancellation::Cancellation,
    error::Error,
    restore::{Place, Staged, stage, unfinished},
    schema::Schema,
};
use self::{files::Files, readers::Readers, writer::Writer};
use crate::{
    settings::StartupError,
    telemetry::trace::{self, Span},
    values::Id,
};

/// The name of a read in spans.
const READ: &str = "read";
/// The name of a write in spans.
const WRITE: &str = "write";

/// A database. Clones share it.
#[derive(Clone)]
pub struct Database {
    shared: Arc<Shared>,
}

struct Shared {
    files: Files,
    readers: Arc<Readers>,
    writer: Writer,
    /// Dropped last, since it must be held as long as there are connections.
    _lock: File,
}

impl Database {
    /// Opens or creates `<folder>/<name>.db`, and migrates it to the newest version of `schema`.
    ///
    /// # Errors
    /// The file cannot be used. The error says why, and what to do.
    pub fn open(folder: &Path, name: &str, schema: &Schema) -> Result<Self, StartupError> {
        let path = folder.join(format!("{name}.db"));
        let (lock, writer, log) = open::open(&path, schema)?;
        let files = Files::of(&path)
            .map_err(|error| StartupError::new(format!("{} is gone: {error}", path.display())))?;
        let readers = Arc::new(Readers::open(&path)?);
        let writer = Writer::start(writer, log, files.clone(), readers.clone())?;
        Ok(Self { shared: Arc::new(Shared { files, readers, writer, _lock: lock }) })
    }

    /// Reads on the calling thread, which is blocked meanwhile. For a few rows.
    ///
    /// # Errors
    /// SQLite fails.
    pub fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        let span = self.span(READ);
        span.end(self.shared.readers.read(read).map_err(Error::from))
    }

    /// Reads on a thread for blocking work. For many rows.
    ///
    /// # Errors
    /// SQLite fails.
    pub async fn read_much<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let span = self.span(READ);
        span.end(self.shared.readers.read_much(read).await)
    }

    /// Writes in a transaction, and returns when it is on disk. If `write` fails, all of it is rolled back.
    ///
    /// Dropping the future cancels the write, unless it has begun.
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

    /// Checks that the files are there, that a query succeeds, and that the last write did, which is not long ago.
    ///
    /// # Errors
    /// One of these is not so.
    pub async fn check(&self) -> Result<(), Error> {
        let Shared { files, writer, .. } = &*self.shared;
        // The writer must notice it even without writes.
        files.check().inspect_err(|_| writer.wake())?;
        if !writer.is_alive() {
            return Err(Error::NoWriter);
        }
        self.read(|connection| connection.query_row("SELECT 1 FROM sqlite_schema LIMIT 1", [], |_| Ok(())))?;
        writer.check(files).await
    }

    /// The path of the database file.
    pub(crate) fn file(&self) -> &Path {
        self.shared.files.database()
    }

    fn span(&self, operation: &'static str) -> Span {
        trace::database_span(SpanKind::Internal, operation, "sqlite", || {
            self.file().file_stem().unwrap_or_default().to_string_lossy().into_owned()
        })
    }
}

/// The id of the last inserted row.
///
/// # Errors
/// The id is out of range.
pub fn last_id(connection: &Connection) -> rusqlite::Result<Id> {
    let id = connection.last_insert_rowid();
    Id::new(id).ok_or(rusqlite::Error::IntegralValueOutOfRange(0, id))
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

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
    async fn a_write_that_fails_or_panics_is_rolled_back_alone() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path(), "things", &SCHEMA).unwrap();
        // The first write blocks the writer, so that the others form one group.
        let (go_on, wait) = mpsc::channel::<()>();
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

    /// Queues a write that blocks the writer until it gets a message, and returns when it has begun.
    async fn hold_up(database: &Database) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), Error>>) {
        let (go_on, wait) = mpsc::channel::<()>();
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let database = database.clone();
        let held = tokio::spawn(async move {
            let write = move |connection: &Connection| {
                let _ = begun.send(());
                wait.recv().ok();
                insert(1)(connection)
            };
            database.write(write).await
        });
        has_begun.await.unwrap();
        (go_on, held)
    }

    #[tokio::test]
    async fn a_cancelled_write_does_not_begin() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path(), "things", &SCHEMA).unwrap();
        let (go_on, held) = hold_up(&database).await;
        {
            let mut cancelled = std::pin::pin!(database.write(insert(2)));
            assert!(futures_util::poll!(&mut cancelled).is_pending());
        }
        let last = database.write(insert(3));
        let (last, ()) = tokio::join!(last, async { go_on.send(()).unwrap() });
        held.await.unwrap().unwrap();
        last.unwrap();
        assert_eq!(ids(&database), [1, 3]);
    }

    #[tokio::test]
    async fn a_write_after_one_that_ended_the_transaction_is_in_another() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path(), "things", &SCHEMA).unwrap();
        let (go_on, held) = hold_up(&database).await;
        // As SQLite itself does when the disk is full.
        let ending = database.write(|connection| connection.execute_batch("ROLLBACK"));
        let last = database.write(insert(2));
        let (ending, last, ()) = tokio::join!(ending, last, async { go_on.send(()).unwrap() });
        assert!(held.await.unwrap().is_err() && ending.is_err());
        last.unwrap();
        assert_eq!(ids(&database), [2]);
    }

    #[tokio::test]
    async fn a_write_in_progress_finishes_before_the_database_closes() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path(), "things", &SCHEMA).unwrap();
        let (go_on, held) = hold_up(&database).await;
        held.abort();
        assert!(held.await.unwrap_err().is_cancelled());
        go_on.send(()).unwrap();
        drop(database);
        let database = Database::open(folder.path(), "things", &SCHEMA).unwrap();
        assert_eq!(ids(&database), [1]);
    }

    #[tokio::test]
    async fn a_read_of_a_few_rows_does_not_wait_for_reads_of_many() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path(), "things", &SCHEMA).unwrap();
        let (go_on, wait) = mpsc::channel::<()>();
        let wait = Arc::new(std::sync::Mutex::new(wait));
        let (started, mut has_started) = tokio::sync::mpsc::unbounded_channel();
        let long_reads: Vec<_> = (0..8)
            .map(|_| {
                let (database, wait, started) = (database.clone(), wait.clone(), started.clone());
                let read = move |_: &Connection| {
                    let _ = started.send(());
                    wait.lock().unwrap().recv().ok();
                    Ok(())
                };
                tokio::spawn(async move { database.read_much(read).await })
            })
            .collect();
        for _ in 0..readers::LONG {
            has_started.recv().await.unwrap();
        }
        let short_read = tokio::task::spawn_blocking({
            let database = database.clone();
            move || ids(&database)
        });
        let read = tokio::time::timeout(Duration::from_secs(10), short_read).await;
        drop(go_on);
        assert_eq!(read.expect("it waits for a read of many").unwrap(), Vec::<i64>::new());
        for read in long_reads {
            read.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn a_database_without_its_writer_fails_the_check() {
        let folder = tempfile::tempdir().unwrap();
        let mut database = Database::open(folder.path(), "things", &SCHEMA).unwrap();
        database.check().await.unwrap();
        Arc::get_mut(&mut database.shared).unwrap().writer.end_thread();
        assert!(matches!(database.check().await, Err(Error::NoWriter)));
    }
}

//! Transactions and savepoints, with statements that are prepared once.

use std::panic::{self, AssertUnwindSafe};

use rusqlite::{Connection, Statement};

use super::error::Error;

/// The transactions of a connection, one at a time.
pub(super) struct Transaction<'a> {
    connection: &'a Connection,
    begin: Statement<'a>,
    savepoint: Statement<'a>,
    rollback_to_savepoint: Statement<'a>,
    release: Statement<'a>,
    commit: Statement<'a>,
    rollback: Statement<'a>,
}

impl<'a> Transaction<'a> {
    pub(super) fn prepare(connection: &'a Connection) -> rusqlite::Result<Self> {
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

    /// Begins a transaction. While another program holds the lock, the error [is temporary](Error::is_temporary).
    pub(super) fn begin(&mut self) -> Result<(), Error> {
        Ok(self.begin.execute([]).map(drop)?)
    }

    /// Whether a transaction is open. SQLite itself rolls back after some errors, such as a full disk.
    pub(super) fn is_open(&self) -> bool {
        !self.connection.is_autocommit()
    }

    /// Commits if `work` succeeded, and rolls back otherwise.
    pub(super) fn commit(&mut self, work: Result<(), Error>) -> Result<(), Error> {
        let committed = work.and_then(|()| Ok(self.commit.execute([]).map(drop)?));
        if committed.is_err() && self.is_open() {
            self.rollback.execute([])?;
        }
        committed
    }

    /// Executes `work` in a savepoint, which is rolled back if it fails or panics.
    pub(super) fn in_savepoint<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
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

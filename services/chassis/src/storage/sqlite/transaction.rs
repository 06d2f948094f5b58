//! What is done around writes, one transaction after the other, by statements that are prepared once.

use std::panic::{self, AssertUnwindSafe};

use rusqlite::{Connection, Statement};

use super::error::Error;

/// The transaction that is open, if one is.
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

    /// Fails with [`Error::is_temporary`] while another program holds the lock.
    pub(super) fn begin(&mut self) -> Result<(), Error> {
        Ok(self.begin.execute([]).map(drop)?)
    }

    /// Whether there is a transaction: a full disk, say, rolls everything back at once.
    pub(super) fn is_open(&self) -> bool {
        !self.connection.is_autocommit()
    }

    /// Commits if `is_fit` says that the work is fit for it, and leaves nothing behind otherwise.
    pub(super) fn commit(&mut self, is_fit: Result<(), Error>) -> Result<(), Error> {
        let committed = is_fit.and_then(|()| Ok(self.commit.execute([]).map(drop)?));
        if committed.is_err() && self.is_open() {
            self.rollback.execute([])?;
        }
        committed
    }

    /// A write that fails, or panics, leaves nothing behind and the others alone.
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

//! A copy of a database, as SQLite makes it: consistent, while others read and write, and in bounded memory.
//!
//! VACUUM INTO reads one snapshot and writes a new file (<https://www.sqlite.org/lang_vacuum.html#vacuuminto>). Writers go on
//! meanwhile, and their log grows, since it cannot restart before the snapshot has ended.

use std::{
    fs::File,
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{Connection, ErrorCode, InterruptHandle, OpenFlags};

use super::wal;
use crate::settings::StartupError;

/// Stops a copy, from another thread.
#[derive(Clone, Default)]
pub struct Cancellation {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    is_cancelled: bool,
    /// Of the connection that is at work.
    handle: Option<InterruptHandle>,
}

impl Cancellation {
    /// Stops what is being done, and everything that begins later.
    pub fn cancel(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_cancelled = true;
        state.handle.iter().for_each(InterruptHandle::interrupt);
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_cancelled
    }

    /// Does `work` with a connection, which a cancellation interrupts.
    ///
    /// # Errors
    /// The work fails, or it is cancelled.
    pub(super) fn run<T>(
        &self,
        connection: &Connection,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let state = || self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state().handle = Some(connection.get_interrupt_handle());
        // An interrupt before the first statement would do nothing.
        let done = match state().is_cancelled {
            true => Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_INTERRUPT),
                None,
            )),
            false => work(connection),
        };
        state().handle = None;
        done
    }
}

/// Writes all of `source` to the new file `copy`, readable only by its owner, and returns when it is on disk.
pub(super) fn copy(
    source: &Connection,
    copy: &Path,
    cancellation: &Cancellation,
) -> Result<(), StartupError> {
    let cannot = |error: &dyn std::fmt::Display| {
        let path = copy.display();
        StartupError::new(format!(
            "{path} cannot be written ({error}): free disk space, or use another folder."
        ))
    };
    let file = create(copy).map_err(|error| cannot(&error))?;
    let path = copy.to_str().ok_or_else(|| {
        StartupError::new(format!("{} cannot be used: name a folder in UTF-8.", copy.display()))
    })?;
    cancellation.run(source, |source| source.execute("VACUUM INTO ?1", [path])).map_err(
        |error| match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt) => {
                let source = source.path().unwrap_or_default();
                StartupError::new(format!("{source} is damaged ({error}): restore an earlier backup."))
            }
            _ => cannot(&error),
        },
    )?;
    renew(copy).map_err(|error| cannot(&error))?;
    file.sync_all().map_err(|error| cannot(&error))
}

fn create(path: &Path) -> io::Result<File> {
    File::options().create_new(true).write(true).mode(0o600).open(path)
}

fn renew(copy: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(copy, flags)?;
    // A copy that is not finished is thrown away.
    connection.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    wal::renew(&connection)
}

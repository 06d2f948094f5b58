//! Backups of a database, which a service may be using.

use std::{fs::File, path::Path};

use rusqlite::{Connection, OpenFlags};

use super::{
    checks,
    copy::{Cancellation, copy},
    files,
    schema::Schema,
    wal,
};
use crate::settings::StartupError;

/// Writes all that is in `<folder>/<name>.db` when this begins to the new file `<to>/<name>.db`, and returns when it is on disk.
///
/// A service may use the database meanwhile, start or stop.
///
/// # Errors
/// The database cannot be read or the backup cannot be written. The error says why, and what to do.
pub fn back_up(
    folder: &Path,
    name: &str,
    schema: &Schema,
    to: &Path,
    cancellation: &Cancellation,
) -> Result<(), StartupError> {
    let path = folder.join(format!("{name}.db"));
    let file = path.display();
    if let Err(error) = File::open(&path) {
        return Err(StartupError::new(format!(
            "{file} cannot be read ({error}): set DATA_DIR to the folder of the databases, and use the account of the service."
        )));
    }
    checks::refuse_unfinished_restore(&path)?;
    refuse_foreign_log(&path)?;
    let may_lack_log = wal::may_be_lost(&path);
    let explain = |error| checks::explain(&path, &error);
    // For writing, since the last program that closes a database takes its log into the file.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(&path, flags).map_err(explain)?;
    if checks::check_version(&source, &path, schema)? == 0 {
        return Err(StartupError::new(format!(
            "{file} is empty: start the service once, or back up the others."
        )));
    }
    if may_lack_log {
        checks::refuse_lost_log(&source, &path)?;
    }
    copy(&source, &to.join(format!("{name}.db")), cancellation)
}

/// A service that runs checked its log when it started, and this one cannot, since it changes while it is read.
fn refuse_foreign_log(path: &Path) -> Result<(), StartupError> {
    match checks::refuse_foreign_log(path) {
        Ok(()) => Ok(()),
        Err(_) => files::lock(path).map_or(Ok(()), |_lock| checks::refuse_foreign_log(path)),
    }
}

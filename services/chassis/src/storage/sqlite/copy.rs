//! A copy of a database file by SQLite: consistent, even while others read and write, and in bounded memory.
//!
//! VACUUM INTO reads one snapshot and writes a new file (<https://www.sqlite.org/lang_vacuum.html#vacuuminto>). Meanwhile, writers
//! continue, and the write-ahead log grows, since it cannot restart before the snapshot has ended.

use std::{fs::File, io, os::unix::fs::OpenOptionsExt, path::Path};

use rusqlite::{Connection, ErrorCode};

use super::{
    cancellation::Cancellation,
    checks::{self, Purpose},
    connect::open_as_is,
    wal,
};
use crate::settings::StartupError;

/// Writes all of `source` to the new file `copy`, readable only by its owner, and returns when it is on disk.
pub(super) fn copy(
    source: &Connection,
    purpose: Purpose,
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
                checks::explain(Path::new(source.path().unwrap_or_default()), purpose, &error)
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
    let connection = open_as_is(copy)?;
    // A copy that is not finished is thrown away.
    connection.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    wal::renew(&connection)
}

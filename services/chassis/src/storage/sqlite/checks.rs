//! Checks of a database file before a program uses it, and the sentences that explain a failure.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, ErrorCode};

use super::{schema::Schema, wal};
use crate::{settings::StartupError, storage::table::MARKER};

const ANOTHER_FOLDER: &str = "set DATA_DIR to another folder";
const ANOTHER_FILE: &str = "move it away, or set DATA_DIR to another folder";

/// The purpose of opening a file, which decides the advice if it cannot be used.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    /// It is the database of a service.
    Service,
    /// It is a backup that is being restored.
    Restore,
}

impl Purpose {
    /// What to do: `service` if it is for a service.
    fn advice(self, service: &str) -> &str {
        match self {
            Self::Service => service,
            Self::Restore => "name another backup",
        }
    }
}

/// A restore that was interrupted while it exchanged the files has left some old and some new ones.
pub(super) fn refuse_unfinished_restore(path: &Path) -> Result<(), StartupError> {
    match unfinished(path.parent().unwrap_or(Path::new("."))) {
        staged if staged.exists() => Err(StartupError::new(format!(
            "a restore was interrupted, and {} still has its files: run `store restore --force` again.",
            staged.display()
        ))),
        _ => Ok(()),
    }
}

/// The folder of the files that are being restored to `folder`, from when the first of them is put in place.
pub(super) fn unfinished(folder: &Path) -> PathBuf {
    folder.join("restore.unfinished")
}

/// Refuses a log that belongs to another file, with which SQLite would overwrite this one.
pub(super) fn refuse_foreign_log(path: &Path) -> Result<(), StartupError> {
    if !wal::has_frames(path) {
        return Ok(());
    }
    let file = path.display();
    match wal::continues(path) {
        Ok(true) => Ok(()),
        Ok(false) => Err(StartupError::new(format!(
            "{file} is not the file that {file}-wal belongs to, but for example a restored backup: to use {file} as it is, move \
             {file}-wal and {file}-shm away; otherwise, restore the file that was there before."
        ))),
        Err(error) => Err(explain(path, Purpose::Service, &error)),
    }
}

/// Refuses a file without a log that was in use when it was copied.
pub(super) fn refuse_lost_log(
    connection: &Connection,
    path: &Path,
    purpose: Purpose,
) -> Result<(), StartupError> {
    let file = path.display();
    let put_back = format!("put {file}-wal back, or restore a backup");
    let advice = purpose.advice(&put_back);
    match wal::is_continued(connection) {
        Ok(false) => Ok(()),
        Ok(true) => Err(StartupError::new(format!(
            "{file} lacks the latest writes, since {file}-wal was not copied with it or was removed: {advice}."
        ))),
        Err(error) => Err(explain(path, purpose, &error)),
    }
}

/// A copy that was interrupted has left an incomplete file.
pub(super) fn refuse_unfinished_copy(connection: &Connection, path: &Path) -> Result<(), StartupError> {
    let file = path.display();
    match has_marker(connection) {
        Ok(false) => Ok(()),
        Ok(true) => Err(StartupError::new(format!(
            "{file} is an unfinished copy: run the same `store copy` command again, or delete {file}."
        ))),
        Err(error) => Err(explain(path, Purpose::Service, &error)),
    }
}

pub(super) fn has_marker(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) FROM sqlite_schema WHERE name = ?1", [MARKER], |row| row.get(0))
}

/// Checks that the file belongs to the program with this `schema`, and that it is not newer. Returns its version.
pub(super) fn check_version(
    connection: &Connection,
    path: &Path,
    purpose: Purpose,
    schema: &Schema,
) -> Result<usize, StartupError> {
    let file = path.display();
    let pragma = |name| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i32>(0))
            .map_err(|error| explain(path, purpose, &error))
    };
    let application_id = pragma("application_id")?;
    let is_new = || -> Result<bool, StartupError> {
        Ok(application_id == 0 && is_empty(connection).map_err(|error| explain(path, purpose, &error))?)
    };
    if application_id != schema.application_id && !is_new()? {
        let advice = purpose.advice(ANOTHER_FILE);
        return Err(StartupError::new(format!("{file} belongs to another program: {advice}.")));
    }
    let (version, known) = (pragma("user_version")?, schema.migrations.len());
    match usize::try_from(version) {
        Ok(version) if version <= known => Ok(version),
        _ => {
            let advice = purpose.advice(ANOTHER_FOLDER);
            Err(StartupError::new(format!(
                "{file} has version {version}, and this program supports versions up to {known}: use a newer program, or {advice}."
            )))
        }
    }
}

/// Explains an error of SQLite to the person who starts the program.
pub(super) fn explain(path: &Path, purpose: Purpose, error: &rusqlite::Error) -> StartupError {
    let (what, service) = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => ("is not a SQLite database".to_owned(), ANOTHER_FILE),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            ("is locked by another program".to_owned(), "stop that program first")
        }
        Some(ErrorCode::DatabaseCorrupt) => (format!("is damaged ({error})"), "restore a backup of it"),
        Some(ErrorCode::ReadOnly) => {
            ("cannot be written".to_owned(), "make it writable, or set DATA_DIR to another folder")
        }
        Some(ErrorCode::DiskFull) => (
            "cannot be written (the disk is full)".to_owned(),
            "free disk space, or set DATA_DIR to another folder",
        ),
        _ => (format!("cannot be opened ({error})"), ANOTHER_FOLDER),
    };
    StartupError::new(format!("{} {what}: {}.", path.display(), purpose.advice(service)))
}

/// Whether there is no database, but at most an empty file.
pub(super) fn is_absent(path: &Path) -> bool {
    fs::metadata(path).map_or(true, |metadata| metadata.len() == 0)
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

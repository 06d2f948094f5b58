//! Opening a database file: its settings, whose it is, and which version it has.

use std::{
    fs,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    thread,
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::settings::Fatal;

/// How long SQLite waits for a lock that another program holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// How many bytes the write-ahead log has when SQLite begins it anew: a header, and 1000 pages with theirs
/// (<https://www.sqlite.org/pragma.html#pragma_wal_autocheckpoint>).
const LOG_SIZE: u64 = 32 + 1000 * (24 + 4096);

/// What a database file is for, and every step that its tables went through.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// Tells the files of this program from those of others (<https://www.sqlite.org/pragma.html#pragma_application_id>).
    pub application_id: i32,
    /// Statements that lead from each version to the next; a step that was released never changes.
    pub migrations: &'static [&'static str],
}

/// Opens the file for writing, makes it if it is not there, and brings it to the newest version.
pub(super) fn open(path: &Path, schema: &Schema) -> Result<Connection, Fatal> {
    let file = path.display();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| {
            let folder = folder.display();
            Fatal::new(format!(
                "the folder {folder} cannot be made ({error}): set DATA_DIR to a folder that can be written."
            ))
        })?;
    }
    // Made here rather than by SQLite, so that nobody but the owner can read it.
    fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path).map_err(
        |error| {
            Fatal::new(format!(
                "{file} cannot be written ({error}): set DATA_DIR to a folder that can be written."
            ))
        },
    )?;
    let explain = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => Fatal::new(format!(
            "{file} is no SQLite database: move it away, or set DATA_DIR to another folder."
        )),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Fatal::new(format!("{file} is locked by another program: stop that program first."))
        }
        Some(ErrorCode::ReadOnly) => Fatal::new(format!(
            "{file} cannot be written: make it writable, or set DATA_DIR to another folder."
        )),
        _ => Fatal::new(format!("{file} cannot be opened ({error}): set DATA_DIR to another folder.")),
    };

    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(explain)?;
    let application_id: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(explain)?;
    let version: u32 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(explain)?;
    let version = version as usize;
    let known = schema.migrations.len();
    if application_id != schema.application_id
        && (application_id != 0 || !is_empty(&connection).map_err(explain)?)
    {
        return Err(Fatal::new(format!(
            "{file} belongs to another program: move it away, or set DATA_DIR to another folder."
        )));
    }
    if version > known {
        return Err(Fatal::new(format!(
            "{file} has version {version} and this program knows versions up to {known}: start a newer program, or set \
             DATA_DIR to another folder."
        )));
    }
    migrate(&mut connection, schema, version).map_err(explain)?;
    grow_log(path).map_err(|error| {
        Fatal::new(format!(
            "{file} cannot be written ({error}): make room for it, or set DATA_DIR to another folder."
        ))
    })?;
    Ok(connection)
}

/// Opens the file for reading only.
pub(super) fn open_reader(path: &Path) -> Result<Connection, Fatal> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(|error| Fatal::new(format!("{} cannot be read: {error}", path.display())))
}

/// What is set first matters: the timeout, since changing to WAL may have to wait.
fn connect(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    if access == OpenFlags::SQLITE_OPEN_READ_WRITE {
        let mode: String =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if mode != "wal" {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
            return Err(rusqlite::Error::SqliteFailure(
                code,
                Some(format!("the journal mode is {mode}, not WAL")),
            ));
        }
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

/// Gives the write-ahead log at once the size that it comes to have, since a sync of a file that has grown takes ten times as
/// long. Zeros are no frames, so SQLite goes on behind what is there
/// (<https://www.sqlite.org/walformat.html>).
fn grow_log(path: &Path) -> io::Result<()> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let mut log = fs::OpenOptions::new().create(true).append(true).mode(0o600).open(log)?;
    let missing = LOG_SIZE.saturating_sub(log.metadata()?.len());
    io::copy(&mut io::repeat(0).take(missing), &mut log)?;
    // Nothing of it is needed yet, so nobody has to wait for the disk; if it fails, the first commits are slow.
    thread::spawn(move || log.sync_all());
    Ok(())
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

fn migrate(connection: &mut Connection, schema: &Schema, version: usize) -> rusqlite::Result<()> {
    let steps = &schema.migrations[version..];
    if steps.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in steps {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", schema.application_id)?;
    transaction.pragma_update(None, "user_version", schema.migrations.len() as i64)?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: Schema = Schema {
        application_id: 0x7e57,
        migrations: &["CREATE TABLE thing (id INTEGER PRIMARY KEY) STRICT"],
    };

    #[track_caller]
    fn refuses(prepare: impl FnOnce(&Path), sentence: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("things.db");
        prepare(&path);
        let fatal = open(&path, &SCHEMA).unwrap_err().to_string();
        assert!(fatal.contains(sentence), "{fatal}");
    }

    #[test]
    fn a_new_file_is_durable_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/things.db");
        let connection = open(&path, &SCHEMA).unwrap();
        let pragma =
            |name| connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
        assert_eq!(pragma("journal_mode").unwrap(), "wal".to_owned().into());
        for (name, value) in
            [("synchronous", 2), ("foreign_keys", 1), ("trusted_schema", 0), ("user_version", 1)]
        {
            assert_eq!(pragma(name).unwrap(), value.into(), "{name}");
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_is_no_database_is_refused() {
        refuses(
            |path| fs::write(path, "far too short to be a database, and of the wrong kind").unwrap(),
            "is no SQLite database",
        );
    }

    #[test]
    fn a_database_of_another_program_is_refused() {
        let foreign = |path: &Path| {
            let connection = Connection::open(path).unwrap();
            connection.execute_batch("CREATE TABLE theirs (id INTEGER)").unwrap();
        };
        refuses(foreign, "belongs to another program");
    }

    #[test]
    fn a_database_of_a_newer_version_is_refused() {
        let newer = |path: &Path| {
            open(path, &SCHEMA).unwrap().pragma_update(None, "user_version", 2).unwrap();
        };
        refuses(newer, "has version 2 and this program knows versions up to 1");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let fatal = open(&file.join("things.db"), &SCHEMA).unwrap_err().to_string();
        assert!(fatal.contains("set DATA_DIR to a folder that can be written"), "{fatal}");
    }
}

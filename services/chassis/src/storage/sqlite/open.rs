//! Opening a database file: its lock, its settings, its owner and its version.

use std::{
    fs::{self, File},
    path::Path,
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::{
    checks::{self, Purpose},
    connect::connect,
    files,
    schema::Schema,
    wal::{self, Log},
};
use crate::settings::StartupError;

/// How long SQLite waits for a lock while the service runs. After each wait, the writer drops the writes that have been
/// cancelled or have timed out.
const LOCK_POLL: Duration = Duration::from_millis(50);

/// Opens or creates the file for writing, and migrates it to the newest version.
pub(super) fn open(path: &Path, schema: &Schema) -> Result<(File, Connection, Log), StartupError> {
    let file = path.display();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| {
            let folder = folder.display();
            StartupError::new(format!(
                "the folder {folder} cannot be created ({error}): set DATA_DIR to a writable folder."
            ))
        })?;
    }
    if checks::is_absent(path) && wal::has_frames(path) {
        return Err(StartupError::new(format!(
            "{file} does not exist, but {file}-wal does: restore the database that the log belongs to, or move {file}-wal away."
        )));
    }
    let lock = files::lock(path)?;
    checks::refuse_unfinished_restore(path)?;
    let purpose = Purpose::Service;
    let explain = |error| checks::explain(path, purpose, &error);
    checks::refuse_foreign_log(path)?;
    let may_lack_log = wal::may_be_lost(path);
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(explain)?;
    let version = checks::check_version(&connection, path, purpose, schema)?;
    let known = schema.migrations.len();
    if may_lack_log {
        checks::refuse_lost_log(&connection, path, purpose)?;
    }
    checks::refuse_unfinished_copy(&connection, path)?;
    migrate(&mut connection, schema, version, |_| Ok(())).map_err(|error| match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::ReadOnly | ErrorCode::DiskFull,
        ) => explain(error),
        _ => StartupError::new(format!(
            "{file} could not be migrated from version {version} to {known} ({error}), and was not changed: use the \
             previous version of this program, and report this."
        )),
    })?;
    let log = Log::open(&connection).map_err(explain)?;
    connection.busy_timeout(LOCK_POLL).map_err(explain)?;
    wal::preallocate(path).map_err(|error| {
        StartupError::new(format!(
            "{file} cannot be written ({error}): free disk space, or set DATA_DIR to another folder."
        ))
    })?;
    Ok((lock, connection, log))
}

/// Creates a file that is there only to be locked, and does `also` in the same transaction.
pub(super) fn create(
    path: &Path,
    schema: &Schema,
    also: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> Result<Connection, StartupError> {
    let create = || {
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        migrate(&mut connection, schema, 0, also)?;
        Log::open(&connection)?;
        // Nothing else checkpoints it as it grows.
        connection.pragma_update(None, "wal_autocheckpoint", wal::CHECKPOINT_PAGES)?;
        Ok(connection)
    };
    create().map_err(|error| checks::explain(path, Purpose::Service, &error))
}

fn migrate(
    connection: &mut Connection,
    schema: &Schema,
    version: usize,
    also: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let steps = &schema.migrations[version..];
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    wal::prepare(&transaction)?;
    for step in steps {
        transaction.execute_batch(step)?;
    }
    also(&transaction)?;
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
        let error = open(&path, &SCHEMA).err().unwrap().to_string();
        assert!(error.contains(sentence), "{error}");
    }

    #[test]
    fn a_full_disk_is_named_when_a_file_is_created() {
        let folder = tempfile::tempdir().unwrap();
        // A file that may not grow fails as one on a full disk does.
        let full = Schema {
            application_id: SCHEMA.application_id,
            migrations: &["PRAGMA max_page_count = 1; CREATE TABLE thing (id INTEGER PRIMARY KEY) STRICT"],
        };
        let error = open(&folder.path().join("things.db"), &full).err().unwrap().to_string();
        assert!(error.contains("(the disk is full): free disk space"), "{error}");
    }

    #[test]
    fn a_new_file_is_durable_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/things.db");
        let (_lock, connection, _) = open(&path, &SCHEMA).unwrap();
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
    fn a_file_that_is_not_a_database_is_refused() {
        refuses(
            |path| fs::write(path, "far too short to be a database, and of the wrong kind").unwrap(),
            "is not a SQLite database",
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
            open(path, &SCHEMA).unwrap().1.pragma_update(None, "user_version", 2).unwrap();
        };
        refuses(newer, "has version 2, and this program supports versions up to 1");
    }

    #[test]
    fn a_failed_migration_does_not_change_the_database() {
        let odd = |path: &Path| {
            open(path, &SCHEMA).unwrap().1.pragma_update(None, "user_version", 0).unwrap();
        };
        refuses(odd, "could not be migrated from version 0 to 1 (table thing already exists");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("things.db");
        odd(&path);
        assert!(open(&path, &SCHEMA).is_err());
        let connection = Connection::open(&path).unwrap();
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, 0);
    }

    #[test]
    fn a_folder_that_cannot_be_created_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = open(&file.join("things.db"), &SCHEMA).err().unwrap().to_string();
        assert!(error.contains("set DATA_DIR to a writable folder"), "{error}");
    }
}

//! Backups of a database, even while a service uses it.

use std::{fs::File, path::Path};

use super::{
    cancellation::Cancellation,
    checks::{self, Purpose},
    connect::open_as_is,
    copy::copy,
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
    let purpose = Purpose::Service;
    // For writing, since the last program that closes a database takes its log into the file.
    let source = open_as_is(&path).map_err(|error| checks::explain(&path, purpose, &error))?;
    if checks::check_version(&source, &path, purpose, schema)? == 0 {
        return Err(StartupError::new(format!(
            "{file} is empty: start the service once, or back up the others."
        )));
    }
    if may_lack_log {
        checks::refuse_lost_log(&source, &path, purpose)?;
    }
    checks::refuse_unfinished_copy(&source, &path)?;
    copy(&source, purpose, &to.join(format!("{name}.db")), cancellation)
}

/// A service that runs checked its log when it started, and this one cannot, since it changes while it is read.
fn refuse_foreign_log(path: &Path) -> Result<(), StartupError> {
    match checks::refuse_foreign_log(path) {
        Ok(()) => Ok(()),
        Err(_) => files::lock(path).map_or(Ok(()), |_lock| checks::refuse_foreign_log(path)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rusqlite::Connection;

    use super::*;
    use crate::storage::sqlite::{Database, restore};

    const SCHEMA: Schema = Schema {
        application_id: 0x7e57,
        migrations: &["CREATE TABLE thing (id INTEGER PRIMARY KEY) STRICT"],
    };

    fn generation(database: &Path) -> (Option<i64>, i64, bool) {
        let connection = Connection::open(database).unwrap();
        let columns = "SELECT base, tip, is_continued FROM generation";
        connection.query_row(columns, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap()
    }

    #[test]
    fn a_backup_is_a_file_of_its_own_even_if_it_is_made_during_a_checkpoint() {
        let (data, backup) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        drop(Database::open(data.path(), "things", &SCHEMA).unwrap());
        let file = data.path().join("things.db");
        // As it is between the mark and the next log.
        Connection::open(&file).unwrap().execute_batch("UPDATE generation SET is_continued = 1").unwrap();
        let running = Connection::open(&file).unwrap();
        running.execute_batch("INSERT INTO thing VALUES (1)").unwrap();
        let original = generation(&file);
        back_up(data.path(), "things", &SCHEMA, backup.path(), &Cancellation::default()).unwrap();
        let (base, tip, is_continued) = generation(&backup.path().join("things.db"));
        assert!(base.is_none() && tip != original.1 && !is_continued);
        let staged = data.path().join("staged");
        fs::create_dir(&staged).unwrap();
        restore::stage(backup.path(), "things", &SCHEMA, &staged, &Cancellation::default()).unwrap();
    }

    #[test]
    fn a_cancelled_backup_does_not_begin() {
        let (data, backup) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        drop(Database::open(data.path(), "things", &SCHEMA).unwrap());
        let cancellation = Cancellation::default();
        cancellation.cancel();
        assert!(back_up(data.path(), "things", &SCHEMA, backup.path(), &cancellation).is_err());
        assert_eq!(fs::metadata(backup.path().join("things.db")).unwrap().len(), 0);
    }
}

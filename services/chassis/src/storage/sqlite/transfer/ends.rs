//! The beginning and the end of a copy from or to a database file.

use std::{
    fs::{self, File},
    path::Path,
};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Result};

use super::rows::{Lock, Side};
use crate::{
    settings::StartupError,
    storage::{
        sqlite::{
            checks::{self, Purpose},
            connect::{connect, open_as_is},
            files, open,
            restore::Place,
            schema::Schema,
            wal,
        },
        table::{MARKER, Marker, Table, older},
    },
};

/// The state of a destination before the copy.
pub(in crate::storage) enum Found {
    Nothing(Place),
    /// A database with the schema, perhaps with rows, and its marker.
    Database(Side, Option<Marker>),
}

impl Side {
    /// The database at `path`, which is to be copied.
    ///
    /// # Errors
    /// It is in use, or it is not what a service with this `schema` leaves.
    pub(in crate::storage) fn source(path: &Path, schema: &Schema) -> Result<Self, StartupError> {
        let (file, known) = (path.display(), schema.migrations.len());
        if let Err(error) = File::open(path) {
            return Err(StartupError::new(format!(
                "{file} cannot be read ({error}): name the folder of the databases, and use the account of the service."
            )));
        }
        let lock = Lock::Source { _file: files::lock(path)? };
        let connection = open_found(path)?;
        let advice = match checks::check_version(&connection, path, Purpose::Service, schema)? {
            0 => "is empty: name another folder".to_owned(),
            version if version < known => older(version, known),
            _ => {
                checks::refuse_unfinished_copy(&connection, path)?;
                return Ok(Self { path: path.to_owned(), connection, newest_at: None, _lock: lock });
            }
        };
        Err(StartupError::new(format!("{file} {advice}.")))
    }

    /// Creates the database, with the marker.
    ///
    /// # Errors
    /// It cannot be written.
    pub(in crate::storage) fn create(
        place: Place,
        schema: &Schema,
        marker: &Marker,
    ) -> Result<Self, StartupError> {
        let path = place.path().to_owned();
        let connection = open::create(&path, schema, |transaction| mark(transaction, marker))?;
        Ok(Self { path, connection, newest_at: None, _lock: Lock::Destination { _place: place } })
    }

    /// Continues with the ids that follow these, and ends the copy.
    pub(in crate::storage) fn finish(&self, last_ids: &[(&Table, i64)]) -> Result<(), StartupError> {
        let mut statements = format!("DROP TABLE {MARKER};");
        for (table, id) in last_ids {
            if self.keeps_ids(table)? {
                let name = table.name;
                statements += &format!(
                    "DELETE FROM sqlite_sequence WHERE name = '{name}';
                     INSERT INTO sqlite_sequence (name, seq) SELECT '{name}', {id} WHERE {id} > 0;"
                );
            }
        }
        self.transact(|transaction| transaction.execute_batch(&statements))?;
        self.settle().map_err(|error| {
            StartupError::new(format!(
                "{} cannot be written ({error}): free disk space, and run the same command again.",
                self.path.display()
            ))
        })
    }

    /// Leaves the file in the hands of who owns the folder, and without a log that would have to go with it.
    fn settle(&self) -> std::io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        files::give_to_owner_of(folder, &self.path)?;
        let checkpoint = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        checkpoint.map_err(std::io::Error::other)?;
        File::open(folder)?.sync_all()
    }

    /// Takes all rows away again.
    pub(in crate::storage) fn clear(&self, tables: &[Table]) -> Result<(), StartupError> {
        let statements: String = tables.iter().map(|table| format!("DELETE FROM {};", table.name)).collect();
        self.transact(|transaction| transaction.execute_batch(&statements))
    }

    /// Marks the database. As long as the marker is there, no service starts on it.
    pub(in crate::storage) fn mark(&self, marker: &Marker) -> Result<(), StartupError> {
        self.transact(|transaction| mark(transaction, marker))
    }
}

/// Looks at the place of the database at `path`. Nothing is changed yet.
///
/// # Errors
/// It is in use, or a database is there that does not have this `schema`.
pub(in crate::storage) fn find(path: &Path, schema: &Schema) -> Result<Found, StartupError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| {
        let folder = folder.display();
        StartupError::new(format!("the folder {folder} cannot be created ({error}): name another folder."))
    })?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let place = Place::take(folder, &name)?;
    if checks::is_absent(path) {
        let log = place.occupants().next();
        return match log {
            Some(log) => Err(StartupError::new(format!(
                "{} belongs to a database that is not there: move it away, or name another folder.",
                log.display()
            ))),
            None => Ok(Found::Nothing(place)),
        };
    }
    open_found(path)?;
    let cannot = |error| checks::explain(path, Purpose::Service, &error);
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(cannot)?;
    let version = checks::check_version(&connection, path, Purpose::Service, schema)?;
    if version < schema.migrations.len() {
        let advice = older(version, schema.migrations.len());
        return Err(StartupError::new(format!("{} {advice}, or name another folder.", path.display())));
    }
    let marker = marker(&connection).map_err(cannot)?;
    let lock = Lock::Destination { _place: place };
    Ok(Found::Database(Side { path: path.to_owned(), connection, newest_at: None, _lock: lock }, marker))
}

/// Opens a file that is there, with its log, if both are in order.
fn open_found(path: &Path) -> Result<Connection, StartupError> {
    checks::refuse_unfinished_restore(path)?;
    checks::refuse_foreign_log(path)?;
    let may_lack_log = wal::may_be_lost(path);
    // For writing, since the last program that closes a database takes its log into the file.
    let connection = open_as_is(path).map_err(|error| checks::explain(path, Purpose::Service, &error))?;
    if may_lack_log {
        checks::refuse_lost_log(&connection, path, Purpose::Service)?;
    }
    Ok(connection)
}

fn mark(connection: &Connection, Marker { source, began }: &Marker) -> Result<()> {
    connection.execute_batch(&format!(
        "CREATE TABLE {MARKER} (source TEXT NOT NULL, began INTEGER NOT NULL) STRICT"
    ))?;
    let insert = format!("INSERT INTO {MARKER} (source, began) VALUES (?1, ?2)");
    connection.execute(&insert, (source, began)).map(drop)
}

fn marker(connection: &Connection) -> Result<Option<Marker>> {
    if !checks::has_marker(connection)? {
        return Ok(None);
    }
    let select = format!("SELECT source, began FROM {MARKER}");
    let read = |row: &rusqlite::Row<'_>| Ok(Marker { source: row.get(0)?, began: row.get(1)? });
    connection.query_row(&select, [], read).optional()
}

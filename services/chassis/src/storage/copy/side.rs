//! The source and the destination of a copy, each of either engine.

use std::path::PathBuf;

use crate::{
    settings::{DatabaseSettings, StartupError},
    storage::{
        postgres::transfer as server,
        schema::Schema,
        sqlite::transfer as file,
        table::{Marker, Row, Table, Value},
    },
};

/// How many rows are held in memory and written in a transaction.
const PAGE: usize = 2_000;

/// Where a database is.
pub enum Location {
    /// A file.
    File(PathBuf),
    /// A PostgreSQL.
    Server {
        /// Its URL, which may have a password.
        url: String,
        /// What has set the URL, such as a variable.
        origin: String,
    },
}

/// A database that is read or written.
pub(super) enum Side {
    File(file::Side),
    Server(server::Side),
}

/// A database that is to be written. Nothing is changed yet.
#[expect(clippy::large_enum_variant, reason = "a copy has one of it")]
pub(super) enum Destination {
    NewFile(file::Place),
    Found {
        side: Side,
        marker: Option<Marker>,
        /// Whether it has the tables of the service, perhaps with rows.
        has_tables: bool,
    },
}

/// Rows that are being read.
pub(super) enum Rows {
    File { table: &'static Table, after: Option<Row> },
    Server(server::Rows),
}

/// Refuses to copy a file to itself, before it is locked twice.
pub(super) fn refuse_same_file(locations: [&Location; 2]) -> Result<(), StartupError> {
    let [Location::File(from), Location::File(to)] = locations else { return Ok(()) };
    match (from.canonicalize(), to.canonicalize()) {
        (Ok(from), Ok(to)) if from == to => Err(same(&from.display().to_string())),
        _ => Ok(()),
    }
}

impl Side {
    pub(super) async fn source(
        location: &Location,
        service: &'static str,
        schema: &Schema,
        settings: &DatabaseSettings,
    ) -> Result<Self, StartupError> {
        match location {
            Location::File(path) => Ok(Self::File(file::Side::source(path, schema.sqlite)?)),
            Location::Server { url, origin } => {
                let side = server::Side::connect(url, origin, service, settings).await?;
                side.check_source(schema.postgres).await?;
                Ok(Self::Server(side))
            }
        }
    }

    /// Where it is, without a secret.
    pub(super) fn place(&self) -> String {
        match self {
            Self::File(side) => side.place(),
            Self::Server(side) => side.place().to_owned(),
        }
    }

    /// The same, however the command was written.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(side) => side.full_path(),
            Self::Server(side) => side.place().to_owned(),
        }
    }

    /// Identifies the database among all those on servers.
    async fn identity(&self) -> Result<Option<String>, StartupError> {
        match self {
            Self::File(_) => Ok(None),
            Self::Server(side) => side.identity().await.map(Some),
        }
    }

    /// Lets the newest rows of a file count as stored at this time.
    pub(super) fn set_newest_at(&mut self, seconds: i64) {
        if let Self::File(side) = self {
            side.set_newest_at(seconds);
        }
    }

    /// A column that is not among `tables`. Both engines have the same, so it is looked for in files.
    pub(super) fn unlisted(&self, tables: &[Table]) -> Result<Option<String>, StartupError> {
        match self {
            Self::File(side) => side.unlisted(tables),
            Self::Server(_) => Ok(None),
        }
    }

    /// From now on, what is read is what there is now. No other process writes to the file.
    pub(super) async fn take_snapshot(&self) -> Result<(), StartupError> {
        match self {
            Self::File(_) => Ok(()),
            Self::Server(side) => side.take_snapshot().await,
        }
    }

    pub(super) async fn count(&self, table: &Table) -> Result<u64, StartupError> {
        match self {
            Self::File(side) => side.count(table),
            Self::Server(side) => side.count(table).await,
        }
    }

    async fn has_rows(&self, table: &Table) -> Result<bool, StartupError> {
        match self {
            Self::File(side) => side.has_rows(table),
            Self::Server(side) => side.has_rows(table).await,
        }
    }

    /// The time of the newest row, as in rows.
    pub(super) async fn newest(&self, table: &Table) -> Result<Option<i64>, StartupError> {
        match self {
            Self::File(side) => side.newest(table),
            Self::Server(side) => side.newest(table).await,
        }
    }

    /// The key of the last row.
    pub(super) async fn last_key(&self, table: &Table) -> Result<Option<Row>, StartupError> {
        match self {
            Self::File(side) => side.last_key(table),
            Self::Server(side) => side.last_key(table).await,
        }
    }

    /// The rows by their keys, from the one that follows `after`.
    pub(super) async fn rows(&self, table: &'static Table, after: Option<Row>) -> Result<Rows, StartupError> {
        match self {
            Self::File(_) => Ok(Rows::File { table, after }),
            Self::Server(side) => side.rows(table, after.as_deref()).await.map(Rows::Server),
        }
    }

    /// The next page of those that are left. It is empty if none are.
    pub(super) async fn next(&self, rows: &mut Rows) -> Result<Vec<Row>, StartupError> {
        match (self, rows) {
            (Self::File(side), Rows::File { table, after }) => {
                // A copy from file to file has no other await point at which it could be cancelled.
                tokio::task::yield_now().await;
                let page = side.page(table, after.as_deref(), PAGE)?;
                let key = |row: &Row| -> Vec<Value> { table.key_of(row).to_vec() };
                *after = page.last().map(key).or_else(|| after.take());
                Ok(page)
            }
            (Self::Server(side), Rows::Server(rows)) => side.next(rows, PAGE).await,
            _ => Ok(Vec::new()),
        }
    }

    /// Adds rows, all or none.
    pub(super) async fn write(&self, table: &Table, rows: &[Row]) -> Result<(), StartupError> {
        match self {
            Self::File(side) => side.write(table, rows),
            Self::Server(side) => side.write(table, rows).await,
        }
    }

    /// The greatest id that was ever given.
    pub(super) async fn last_id(&self, table: &Table) -> Result<i64, StartupError> {
        match self {
            Self::File(side) => side.last_id(table),
            Self::Server(side) => side.last_id(table).await,
        }
    }

    /// Takes all rows away again.
    pub(super) async fn clear(&self, tables: &[Table]) -> Result<(), StartupError> {
        match self {
            Self::File(side) => side.clear(tables),
            Self::Server(side) => side.clear(tables).await,
        }
    }

    /// Continues with the ids that follow these, and removes the marker.
    pub(super) async fn finish(&self, last_ids: &[(&Table, i64)]) -> Result<(), StartupError> {
        match self {
            Self::File(side) => side.finish(last_ids),
            Self::Server(side) => side.finish(last_ids).await,
        }
    }
}

impl Destination {
    /// Looks at the database at `location`, which may be another than `source` only.
    pub(super) async fn find(
        location: &Location,
        source: &Side,
        service: &'static str,
        schema: &Schema,
        settings: &DatabaseSettings,
    ) -> Result<Self, StartupError> {
        match location {
            Location::File(path) => Ok(match file::find(path, schema.sqlite)? {
                file::Found::Nothing(place) => Self::NewFile(place),
                file::Found::Database(side, marker) => {
                    Self::Found { side: Side::File(side), marker, has_tables: true }
                }
            }),
            Location::Server { url, origin } => {
                let server = server::Side::connect(url, origin, service, settings).await?;
                if source.identity().await? == Some(server.identity().await?) {
                    return Err(same(server.place()));
                }
                let server::Found { marker, has_tables } = server.check_destination(schema.postgres).await?;
                Ok(Self::Found { side: Side::Server(server), marker, has_tables })
            }
        }
    }

    pub(super) fn place(&self) -> String {
        match self {
            Self::NewFile(place) => place.path().display().to_string(),
            Self::Found { side, .. } => side.place(),
        }
    }

    pub(super) fn marker(&self) -> Option<&Marker> {
        match self {
            Self::NewFile(_) => None,
            Self::Found { marker, .. } => marker.as_ref(),
        }
    }

    pub(super) fn is_server(&self) -> bool {
        matches!(self, Self::Found { side: Side::Server(_), .. })
    }

    /// The database, if it has rows that are not those of an unfinished copy.
    pub(super) async fn filled(&self, schema: &Schema) -> Result<Option<&Side>, StartupError> {
        let Self::Found { side, marker: None, has_tables: true } = self else { return Ok(None) };
        for table in schema.tables {
            if side.has_rows(table).await? {
                return Ok(Some(side));
            }
        }
        Ok(None)
    }

    /// Creates the tables, and marks the database as unfinished.
    pub(super) async fn begin(self, schema: &Schema, marker: &Marker) -> Result<Side, StartupError> {
        match self {
            Self::NewFile(place) => file::Side::create(place, schema.sqlite, marker).map(Side::File),
            Self::Found { side, marker: found, .. } => {
                let is_marked = found.is_some();
                match &side {
                    Side::File(_) if is_marked => {}
                    Side::File(side) => side.mark(marker)?,
                    Side::Server(side) => side.begin(schema.postgres, marker, is_marked).await?,
                }
                Ok(side)
            }
        }
    }
}

fn same(place: &str) -> StartupError {
    StartupError::new(format!(
        "{place} is both the source and the destination: name another place with --from or --to, or in a variable."
    ))
}

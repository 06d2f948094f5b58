//! The rows of a database file, read and written by a copy, a page at a time.

use std::{fs::File, path::PathBuf};

use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Result, Row as Stored, ToSql, Transaction, TransactionBehavior,
    params_from_iter,
    types::{FromSql, Null, ToSqlOutput, ValueRef},
};

use crate::{
    settings::StartupError,
    storage::{
        sqlite::restore::Place,
        table::{Column, Kind, MARKER, Row, Table, Value, list},
    },
};

const MICROSECONDS: i64 = 1_000_000;

/// A database that no other process uses meanwhile.
pub(in crate::storage) struct Side {
    pub(super) path: PathBuf,
    pub(super) connection: Connection,
    /// When the newest row counts as stored, in seconds since the beginning of 1970. None for times as they are.
    pub(super) newest_at: Option<i64>,
    /// Dropped last, since it must be held as long as there is a connection.
    pub(super) _lock: Lock,
}

pub(super) enum Lock {
    Source { _file: File },
    Destination { _place: Place },
}

impl Side {
    /// Its absolute path.
    pub(in crate::storage) fn full_path(&self) -> String {
        self.path.canonicalize().as_ref().unwrap_or(&self.path).display().to_string()
    }

    /// Lets the newest row of each table count as stored at this time, and the others so much earlier. To be called for a copy to
    /// a server.
    pub(in crate::storage) fn set_newest_at(&mut self, seconds: i64) {
        self.newest_at = Some(seconds);
    }

    pub(in crate::storage) fn place(&self) -> String {
        self.path.display().to_string()
    }

    /// A table or a column that is not among `tables`.
    pub(in crate::storage) fn unlisted(&self, tables: &[Table]) -> Result<Option<String>, StartupError> {
        let columns = "SELECT m.name, c.name FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS c
                       WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT IN ('generation', ?1)";
        let is_listed = |(table, column): &(String, String)| {
            let mut names = tables.iter().filter(|one| one.name == *table).flat_map(|one| one.columns);
            names.any(|(name, _)| name == column)
        };
        let read = || -> Result<Vec<(String, String)>> {
            let mut statement = self.connection.prepare(columns)?;
            statement.query_map([MARKER], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        };
        let found = read().map_err(|error| self.explain(&error))?;
        let unlisted = found.into_iter().find(|column| !is_listed(column));
        Ok(unlisted.map(|(table, column)| format!("{table}.{column}")))
    }

    pub(in crate::storage) fn count(&self, table: &Table) -> Result<u64, StartupError> {
        let count: i64 = self.value(&format!("SELECT count(*) FROM {}", table.name))?;
        Ok(count.unsigned_abs())
    }

    pub(in crate::storage) fn has_rows(&self, table: &Table) -> Result<bool, StartupError> {
        self.value(&format!("SELECT EXISTS (SELECT 1 FROM {})", table.name))
    }

    /// The time of the newest row, as in rows.
    pub(in crate::storage) fn newest(&self, table: &Table) -> Result<Option<i64>, StartupError> {
        let Some(newest) = self.newest_as_stored(table)? else { return Ok(None) };
        Ok(Some(self.newest_at.unwrap_or(newest) * MICROSECONDS))
    }

    fn newest_as_stored(&self, table: &Table) -> Result<Option<i64>, StartupError> {
        match table.time() {
            Some(column) => self.value(&format!("SELECT max({column}) FROM {}", table.name)),
            None => Ok(None),
        }
    }

    /// The key of the last row.
    pub(in crate::storage) fn last_key(&self, table: &Table) -> Result<Option<Row>, StartupError> {
        let select = format!(
            "SELECT {} FROM {} ORDER BY {} LIMIT 1",
            list(table.key(), name),
            table.name,
            list(table.key(), |(name, _)| format!("{name} DESC"))
        );
        let read = |row: &Stored<'_>| values(row, table.key(), 0);
        self.connection.query_row(&select, [], read).optional().map_err(|error| self.explain(&error))
    }

    /// At most `limit` rows by their keys, from the one that follows `after`.
    pub(in crate::storage) fn page(
        &self,
        table: &Table,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Vec<Row>, StartupError> {
        let keys = list(table.key(), name);
        let marks = (1..=table.key).map(|index| format!("?{index}")).collect::<Vec<_>>().join(", ");
        let condition = after.map_or_else(String::new, |_| format!("WHERE ({keys}) > ({marks})"));
        let columns = table.list(name);
        let select =
            format!("SELECT {columns} FROM {} {condition} ORDER BY {keys} LIMIT {limit}", table.name);
        let shift = match (self.newest_at, self.newest_as_stored(table)?) {
            (Some(at), Some(newest)) => at - newest,
            _ => 0,
        };
        let read = || -> Result<Vec<Row>> {
            let mut statement = self.connection.prepare_cached(&select)?;
            let rows = statement.query_map(params_from_iter(after.into_iter().flatten()), |row| {
                values(row, table.columns, shift)
            })?;
            rows.collect()
        };
        read().map_err(|error| self.explain(&error))
    }

    /// Adds rows, and returns when they are on disk.
    pub(in crate::storage) fn write(&self, table: &Table, rows: &[Row]) -> Result<(), StartupError> {
        let marks = (1..=table.columns.len()).map(|index| format!("?{index}")).collect::<Vec<_>>().join(", ");
        let insert = format!("INSERT INTO {} ({}) VALUES ({marks})", table.name, table.list(name));
        self.transact(|transaction| {
            let mut statement = transaction.prepare_cached(&insert)?;
            rows.iter().try_for_each(|row| statement.execute(params_from_iter(row)).map(drop))
        })
    }

    /// The greatest id that was ever given, as far as the file tells.
    pub(in crate::storage) fn last_id(&self, table: &Table) -> Result<i64, StartupError> {
        let greatest = format!("SELECT coalesce(max({}), 0) FROM {}", table.columns[0].0, table.name);
        let given =
            format!("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = '{}'", table.name);
        let given = if self.keeps_ids(table)? { self.value(&given)? } else { 0 };
        Ok(self.value::<i64>(&greatest)?.max(given))
    }

    /// Whether ids of deleted rows are not given again (<https://www.sqlite.org/autoinc.html>).
    pub(super) fn keeps_ids(&self, table: &Table) -> Result<bool, StartupError> {
        let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%' AND name = ";
        self.value(&format!("{sql}'{}'", table.name))
    }

    pub(super) fn transact(&self, work: impl FnOnce(&Connection) -> Result<()>) -> Result<(), StartupError> {
        let transact = || {
            let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
            work(&transaction)?;
            transaction.commit()
        };
        transact().map_err(|error| self.explain(&error))
    }

    pub(super) fn value<T: FromSql>(&self, select: &str) -> Result<T, StartupError> {
        self.connection.query_row(select, [], |row| row.get(0)).map_err(|error| self.explain(&error))
    }

    pub(super) fn explain(&self, error: &rusqlite::Error) -> StartupError {
        let file = self.path.display();
        let (what, advice) = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => {
                (format!("cannot be read or written ({error})"), "free disk space")
            }
            Some(ErrorCode::DatabaseCorrupt) => (format!("is damaged ({error})"), "restore a backup of it"),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                ("is locked by another program".to_owned(), "stop that program")
            }
            _ => (format!("cannot be copied ({error})"), "correct that"),
        };
        StartupError::new(format!("{file} {what}: {advice}, and run the same command again."))
    }
}

fn name((name, _): &Column) -> String {
    (*name).to_owned()
}

/// The values of a row. Those of times are `shift` seconds later.
fn values(row: &Stored<'_>, columns: &[Column], shift: i64) -> Result<Row> {
    let value = |(index, (_, kind)): (usize, &Column)| {
        Ok(match (row.get_ref(index)?, kind) {
            (ValueRef::Null, _) => Value::Null,
            (ValueRef::Integer(seconds), Kind::Time) => Value::Time((seconds + shift) * MICROSECONDS),
            (ValueRef::Integer(value), _) => Value::Integer(value),
            (ValueRef::Real(value), _) => Value::Real(value),
            (text @ ValueRef::Text(_), _) => Value::Text(text.as_str()?.to_owned()),
            (ValueRef::Blob(value), _) => Value::Bytes(value.to_vec()),
        })
    };
    columns.iter().enumerate().map(value).collect()
}

impl ToSql for Value {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => Null.into(),
            Self::Integer(value) => (*value).into(),
            Self::Real(value) => (*value).into(),
            Self::Text(value) => value.as_str().into(),
            Self::Bytes(value) => value.as_slice().into(),
            Self::Time(value) => value.div_euclid(MICROSECONDS).into(),
        })
    }
}

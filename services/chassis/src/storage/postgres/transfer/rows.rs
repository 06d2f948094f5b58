//! The rows of a database on a server, read and written as a stream by a copy.

use std::{
    pin::{Pin, pin},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::{StreamExt, stream::Fuse};
use tokio_postgres::{
    Client, Error, Row as Stored, RowStream,
    binary_copy::BinaryCopyInWriter,
    error::SqlState,
    types::{FromSql, IsNull, ToSql, Type, private::BytesMut, to_sql_checked},
};

use crate::{
    settings::{DatabaseSettings, StartupError},
    storage::{
        client::describe,
        postgres::connector::Hosts,
        table::{Column, Kind, Row, Table, Value, list},
    },
};

/// Rows that are being read.
pub(in crate::storage) struct Rows {
    stream: Pin<Box<Fuse<RowStream>>>,
    columns: &'static [Column],
}
/// A database that is copied, or copied to.
pub(in crate::storage) struct Side {
    pub(super) client: Client,
    pub(super) hosts: Hosts,
    /// For people, without a secret.
    pub(super) place: String,
    /// What has set the URL, such as a variable.
    pub(super) origin: String,
    pub(super) service: &'static str,
    /// The name of the service's own sessions.
    pub(super) application: String,
    pub(super) settings: DatabaseSettings,
}

impl Side {
    pub(in crate::storage) fn place(&self) -> &str {
        &self.place
    }

    /// Identifies the database.
    pub(in crate::storage) async fn identity(&self) -> Result<String, StartupError> {
        self.value("SELECT pg_postmaster_start_time()::text || ' ' || oid FROM pg_database WHERE datname = current_database()")
            .await
    }

    /// From now on, everything that is read is what there is now.
    pub(in crate::storage) async fn take_snapshot(&self) -> Result<(), StartupError> {
        self.batch("COMMIT; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
    }

    pub(in crate::storage) async fn count(&self, table: &Table) -> Result<u64, StartupError> {
        let count: i64 = self.value(&format!("SELECT count(*) FROM {}", table.name)).await?;
        Ok(count.unsigned_abs())
    }

    pub(in crate::storage) async fn has_rows(&self, table: &Table) -> Result<bool, StartupError> {
        self.value(&format!("SELECT EXISTS (SELECT 1 FROM {})", table.name)).await
    }

    /// The time of the newest row, as in rows.
    pub(in crate::storage) async fn newest(&self, table: &Table) -> Result<Option<i64>, StartupError> {
        match table.time() {
            Some(column) => {
                self.value(&format!("SELECT {} FROM {}", microseconds(&format!("max({column})")), table.name))
                    .await
            }
            None => Ok(None),
        }
    }

    /// The key of the last row.
    pub(in crate::storage) async fn last_key(&self, table: &Table) -> Result<Option<Row>, StartupError> {
        let select = format!(
            "SELECT {} FROM {} ORDER BY {} LIMIT 1",
            list(table.key(), expression),
            table.name,
            list(table.key(), |column| format!("{} DESC", ordered(column)))
        );
        let row = self.client.query_opt(&select, &[]).await.map_err(|error| self.explain(&error))?;
        row.map(|row| values(&row, table.key())).transpose().map_err(|error| self.explain(&error))
    }

    /// The rows by their keys, from the one that follows `after`. They are read as they are taken.
    pub(in crate::storage) async fn rows(
        &self,
        table: &Table,
        after: Option<&[Value]>,
    ) -> Result<Rows, StartupError> {
        let keys = list(table.key(), ordered);
        let marks = (1..=table.key).map(|index| format!("${index}")).collect::<Vec<_>>().join(", ");
        let condition = after.map_or_else(String::new, |_| format!("WHERE ({keys}) > ({marks})"));
        let columns = table.list(expression);
        let select = format!("SELECT {columns} FROM {} {condition} ORDER BY {keys}", table.name);
        let values: Vec<&Value> = after.into_iter().flatten().collect();
        let stream = self.client.query_raw(&select, values).await.map_err(|error| self.explain(&error))?;
        Ok(Rows { stream: Box::pin(stream.fuse()), columns: table.columns })
    }

    /// At most `limit` of the rows that are left.
    pub(in crate::storage) async fn next(
        &self,
        rows: &mut Rows,
        limit: usize,
    ) -> Result<Vec<Row>, StartupError> {
        let mut page = Vec::new();
        while page.len() < limit
            && let Some(row) = rows.stream.next().await
        {
            let row = row.and_then(|row| values(&row, rows.columns));
            page.push(row.map_err(|error| self.explain(&error))?);
        }
        Ok(page)
    }

    /// Adds rows, all or none.
    pub(in crate::storage) async fn write(&self, table: &Table, rows: &[Row]) -> Result<(), StartupError> {
        let copy = format!("COPY {} ({}) FROM STDIN BINARY", table.name, table.list(name));
        let types: Vec<Type> = table.columns.iter().map(|(_, kind)| type_of(*kind)).collect();
        let write = async {
            let mut writer = pin!(BinaryCopyInWriter::new(self.client.copy_in(&copy).await?, &types));
            for row in rows {
                writer.as_mut().write_raw(row).await?;
            }
            writer.finish().await
        };
        write.await.map(drop).map_err(|error| self.explain(&error))
    }

    /// The greatest id that was ever given.
    pub(in crate::storage) async fn last_id(&self, table: &Table) -> Result<i64, StartupError> {
        let (sequence, id, name) = (sequence(table), table.columns[0].0, table.name);
        let given = format!("coalesce(pg_sequence_last_value({sequence}), 0)");
        self.value(&format!("SELECT greatest({given}, max({id})) FROM {name}")).await
    }

    pub(super) async fn batch(&self, statements: &str) -> Result<(), StartupError> {
        self.client.batch_execute(statements).await.map_err(|error| self.explain(&error))
    }

    pub(super) async fn value<T: for<'a> FromSql<'a>>(&self, select: &str) -> Result<T, StartupError> {
        let row = self.client.query_one(select, &[]).await;
        row.and_then(|row| row.try_get(0)).map_err(|error| self.explain(&error))
    }

    pub(super) fn explain(&self, error: &tokio_postgres::Error) -> StartupError {
        let (place, reason) = (self.place(), describe(error));
        let (what, advice) = match error.code() {
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                ("does not let its user do what is needed", "make it the owner of the database")
            }
            Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => {
                ("is read-only", "name the primary, as with target_session_attrs=read-write")
            }
            Some(&SqlState::DISK_FULL) => ("cannot be written", "free disk space there"),
            Some(_) => ("cannot be copied", "correct that"),
            None => ("no longer responds", "start the server"),
        };
        StartupError::new(format!("{place} {what} ({reason}): {advice}, and run the same command again."))
    }
}

/// The sequence of a table's ids.
pub(super) fn sequence(table: &Table) -> String {
    format!("pg_get_serial_sequence('{}', '{}')::regclass", table.name, table.columns[0].0)
}

fn name((name, _): &Column) -> String {
    (*name).to_owned()
}

/// The expression that reads a column.
fn expression((name, kind): &Column) -> String {
    match kind {
        Kind::Time => microseconds(name),
        _ => (*name).to_owned(),
    }
}

fn microseconds(time: &str) -> String {
    format!("(extract(epoch FROM {time}) * 1000000)::bigint")
}

/// The expression that orders rows: by their bytes, as in a file, regardless of the collation of the column.
fn ordered((name, kind): &Column) -> String {
    match kind {
        Kind::Text => format!(r#"{name} COLLATE "C""#),
        _ => (*name).to_owned(),
    }
}

fn type_of(kind: Kind) -> Type {
    match kind {
        Kind::Integer => Type::INT8,
        Kind::Real => Type::FLOAT8,
        Kind::Text => Type::TEXT,
        Kind::Bytes => Type::BYTEA,
        Kind::Time => Type::TIMESTAMPTZ,
    }
}

fn values(row: &Stored, columns: &[Column]) -> Result<Row, Error> {
    fn value<'a, T: FromSql<'a>>(row: &'a Stored, index: usize, of: fn(T) -> Value) -> Result<Value, Error> {
        Ok(row.try_get::<_, Option<T>>(index)?.map_or(Value::Null, of))
    }
    let one = |(index, (_, kind)): (usize, &Column)| match kind {
        Kind::Integer => value(row, index, Value::Integer),
        Kind::Real => value(row, index, Value::Real),
        Kind::Text => value(row, index, Value::Text),
        Kind::Bytes => value(row, index, Value::Bytes),
        Kind::Time => value(row, index, Value::Time),
    };
    columns.iter().enumerate().map(one).collect()
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(value) => value.to_sql(kind, out),
            Self::Real(value) => value.to_sql(kind, out),
            Self::Text(value) => value.to_sql(kind, out),
            Self::Bytes(value) => value.to_sql(kind, out),
            Self::Time(value) => time(*value).to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn time(microseconds: i64) -> SystemTime {
    let distance = Duration::from_micros(microseconds.unsigned_abs());
    if microseconds < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
}

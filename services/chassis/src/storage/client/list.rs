//! Lists, by ascending id, of tables into which several transactions insert at once.
//!
//! PostgreSQL assigns ids before the commit, so a row can become visible after one with a greater id, and a caller who pages
//! through a list must not miss it. So an insert holds a shared lock from before the id is assigned until the commit, and a list
//! waits for the holders of that lock, but only if ids are missing that may still appear. A row is *settled* if no smaller id can
//! appear any more.

use tokio_postgres::{Row, types::ToSql};

use super::{connection::Connection, error::Error};
use crate::values::Id;

/// How many new rows are counted, to see whether ids are missing. If there are more, waiting takes less time.
const COUNTED: i64 = 1000;

/// A table with the column `id`, an identity that gives no number twice. All of its rows are inserted with [`Self::insert`].
pub struct List {
    table: &'static str,
}

impl List {
    /// The list of the rows of `table`.
    pub const fn of(table: &'static str) -> Self {
        Self { table }
    }

    /// Inserts a row, and returns it with `id` as its only column. `values` are expressions of `parameters` for `columns`, as in
    /// `"name, stock"` and `"$1::text, $2::bigint"`.
    ///
    /// # Errors
    /// The statement fails.
    pub async fn insert(
        &self,
        connection: &Connection,
        columns: &str,
        values: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, Error> {
        let (table, lock) = (self.table, self.lock());
        // The lock comes first: what the id is taken for is computed from what it returns.
        let insert = format!(
            "INSERT INTO {table} ({columns}) SELECT {values} FROM pg_advisory_xact_lock_shared({lock}) RETURNING id"
        );
        connection.query_one(&insert, parameters).await
    }

    /// Inserts many rows, and returns their ids in the same order. `arrays` are expressions of `parameters`, with the values of each of `columns`.
    ///
    /// # Errors
    /// The statement fails.
    pub async fn insert_all(
        &self,
        connection: &Connection,
        columns: &str,
        arrays: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Id>, Error> {
        let (table, lock) = (self.table, self.lock());
        let insert = format!(
            "INSERT INTO {table} ({columns}) SELECT {columns} FROM pg_advisory_xact_lock_shared({lock}),
             unnest({arrays}) WITH ORDINALITY AS new ({columns}, place) ORDER BY place RETURNING id"
        );
        connection.insert_in_order(&insert, parameters).await
    }

    /// The rows that `select` returns, by ascending id, without those behind one that may yet appear. Its first column is the id, and
    /// `$1` the greatest id that it may return; `parameters` are the others.
    ///
    /// # Errors
    /// A statement fails.
    pub async fn page(
        &self,
        connection: &Connection,
        select: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        let up_to = async |end: i64| {
            let end: &(dyn ToSql + Sync) = &end;
            connection.query(select, &[&[end], parameters].concat()).await
        };
        let rows = up_to(i64::MAX).await?;
        let last = rows.last().map(|row| row.try_get(0)).transpose()?;
        match last.is_none_or(|last: i64| last <= connection.settled().of(self.table)) {
            true => Ok(rows),
            false => up_to(self.end(connection).await?).await,
        }
    }

    /// The greatest id of a settled row, which is that of all rows that were there at the time of the call.
    ///
    /// # Errors
    /// A statement fails.
    pub async fn end(&self, connection: &Connection) -> Result<i64, Error> {
        let (table, lock) = (self.table, self.lock());
        let settled = connection.settled().of(table);
        let select = format!(
            "SELECT coalesce(max(id), 0), (SELECT count(*) FROM (SELECT FROM {table} WHERE id > $1 LIMIT {COUNTED}) AS new)
             FROM {table}"
        );
        let row = connection.query_one(&select, &[&settled]).await?;
        let (greatest, new): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        if new < greatest - settled {
            connection.query(&format!("SELECT pg_advisory_xact_lock({lock})"), &[]).await?;
        }
        Ok(connection.settled().advance(table, greatest))
    }

    /// The key of the lock: the name of the table in ASCII. A longer one is folded, and two tables with the same key wait for each
    /// other without need.
    fn lock(&self) -> i64 {
        self.table.bytes().fold(0, |key: i64, byte| key.rotate_left(8) ^ i64::from(byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_has_a_lock_of_its_own() {
        assert_eq!(List::of("product").lock(), 0x70_726f_6475_6374);
        assert_ne!(
            List::of("a_very_long_name_of_a_table").lock(),
            List::of("a_very_long_name_of_another").lock()
        );
    }
}

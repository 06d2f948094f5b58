//! Every SQL statement about intents: orders that have no reservation yet, or whose reservation has to be released.

use chassis::values::{Id, Key, Quantity};
use rusqlite::{Connection, Error, Result, Row, named_params, params};

use super::orders::{Content, Order, insert};

/// The migration that added intents, and the reservations of orders. An intent is `OPEN` until it becomes an order, which no
/// intent that is `RELEASING` does.
pub(super) const TABLES: &str = "
    CREATE TABLE intent (
        key        TEXT    PRIMARY KEY,
        product_id INTEGER NOT NULL CHECK (product_id >= 1),
        quantity   INTEGER NOT NULL CHECK (quantity >= 1),
        state      TEXT    NOT NULL CHECK (state IN ('OPEN', 'RELEASING'))
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE order_reservation (
        order_id INTEGER PRIMARY KEY,
        key      TEXT    NOT NULL
    ) STRICT;
";

/// An order that is meant to be made, with the key of its reservation.
#[derive(Clone)]
pub(crate) struct Intent {
    pub(crate) key: Key,
    pub(crate) content: Content,
}

impl Intent {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let (product_id, quantity): (Id, Quantity) = (row.get(1)?, row.get(2)?);
        Ok(Self { key: row.get(0)?, content: Content { product_id, quantity } })
    }
}

/// Opens an intent.
pub(crate) fn open(connection: &Connection, Intent { key, content }: &Intent) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO intent (key, product_id, quantity, state) VALUES (?1, ?2, ?3, 'OPEN')")?
        .execute(params![key, content.product_id, content.quantity])?;
    Ok(())
}

/// Makes the order, whose stock is reserved.
///
/// # Errors
/// The intent is not open any more, so that its reservation may be gone.
pub(crate) fn confirm(connection: &Connection, Intent { key, content }: &Intent) -> Result<Order> {
    let closed =
        connection.prepare_cached("DELETE FROM intent WHERE key = ?1 AND state = 'OPEN'")?.execute([key])?;
    if closed == 0 {
        return Err(Error::QueryReturnedNoRows);
    }
    let order = insert(connection, *content)?;
    connection
        .prepare_cached("INSERT INTO order_reservation (order_id, key) VALUES (?1, ?2)")?
        .execute(params![order.id, key])?;
    Ok(order)
}

/// At most `limit` intents by ascending key, which is the order in which they were opened, from the one that follows `after`.
pub(crate) fn page(connection: &Connection, after: &str, limit: usize) -> Result<Vec<Intent>> {
    connection
        .prepare_cached(
            "SELECT key, product_id, quantity FROM intent WHERE key > :after ORDER BY key LIMIT :limit",
        )?
        .query_map(named_params! { ":after": after, ":limit": limit as i64 }, Intent::from_row)?
        .collect()
}

/// How many intents there are.
pub(crate) fn count(connection: &Connection) -> Result<i64> {
    connection.prepare_cached("SELECT count(*) FROM intent")?.query_row([], |row| row.get(0))
}

/// Decides that these intents become no orders, and returns those of which that is so: an order may have been made meanwhile.
pub(crate) fn give_up(connection: &Connection, intents: Vec<Intent>) -> Result<Vec<Intent>> {
    let mut statement = connection.prepare_cached("UPDATE intent SET state = 'RELEASING' WHERE key = ?1")?;
    let mut given_up = Vec::new();
    for intent in intents {
        if statement.execute([&intent.key])? == 1 {
            given_up.push(intent);
        }
    }
    Ok(given_up)
}

/// Removes intents that were refused or given up, and whose reservations were released.
pub(crate) fn remove(connection: &Connection, keys: &[Key]) -> Result<()> {
    let mut statement = connection.prepare_cached("DELETE FROM intent WHERE key = ?1")?;
    keys.iter().try_for_each(|key| statement.execute([key]).map(drop))
}

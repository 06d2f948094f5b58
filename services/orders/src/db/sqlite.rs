//! Every SQL statement of the orders service, for SQLite.

use chassis::{
    api::idempotency,
    storage::sqlite::{self, Schema},
    values::{Id, Key, Quantity},
};
use rusqlite::{Connection, Error, OptionalExtension, Result, Row, named_params, params};

use super::order::{Content, Intent, Order};

/// No order is ever deleted, so SQLite's next id is always a new one (<https://www.sqlite.org/autoinc.html>).
pub(super) const SCHEMA: Schema = Schema {
    application_id: 0x4f52_4452,
    migrations: &[
        "
        CREATE TABLE purchase_order (
            id         INTEGER PRIMARY KEY,
            product_id INTEGER NOT NULL CHECK (product_id >= 1),
            quantity   INTEGER NOT NULL CHECK (quantity >= 1),
            status     TEXT    NOT NULL CHECK (status = 'PENDING')
        ) STRICT;
        ",
        idempotency::TABLE,
        chassis::stored_responses_of!("create_order"),
        INTENTS,
    ],
};

/// The migration that added intents, and the reservations of orders. An intent is `OPEN` until it becomes an order, which no
/// intent that is `RELEASING` does.
const INTENTS: &str = "
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

impl Order {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let content = Content { product_id: row.get(1)?, quantity: row.get(2)? };
        Ok(Self { id: row.get(0)?, content })
    }
}

pub(super) fn get(connection: &Connection, id: Id) -> Result<Option<Order>> {
    connection
        .prepare_cached("SELECT id, product_id, quantity FROM purchase_order WHERE id = ?1")?
        .query_row([id], Order::from_row)
        .optional()
}

/// What is inserted is what was checked, so it is not read back: RETURNING would keep it in a table of its own meanwhile.
pub(super) fn insert(connection: &Connection, content: Content) -> Result<Order> {
    let Content { product_id, quantity } = content;
    connection
        .prepare_cached(
            "INSERT INTO purchase_order (product_id, quantity, status) VALUES (?1, ?2, 'PENDING')",
        )?
        .execute(params![product_id, quantity])?;
    Ok(Order { id: sqlite::last_id(connection)?, content })
}

impl Intent {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let (product_id, quantity): (Id, Quantity) = (row.get(1)?, row.get(2)?);
        Ok(Self { key: row.get(0)?, content: Content { product_id, quantity } })
    }
}

/// Opens an intent.
pub(super) fn open_intent(connection: &Connection, Intent { key, content }: &Intent) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO intent (key, product_id, quantity, state) VALUES (?1, ?2, ?3, 'OPEN')")?
        .execute(params![key, content.product_id, content.quantity])?;
    Ok(())
}

/// Makes the order, whose stock is reserved.
///
/// # Errors
/// The intent is no longer open, so its reservation may be gone.
pub(super) fn confirm_intent(connection: &Connection, Intent { key, content }: &Intent) -> Result<Order> {
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
pub(super) fn page_intents(connection: &Connection, after: &str, limit: usize) -> Result<Vec<Intent>> {
    connection
        .prepare_cached(
            "SELECT key, product_id, quantity FROM intent WHERE key > :after ORDER BY key LIMIT :limit",
        )?
        .query_map(named_params! { ":after": after, ":limit": limit as i64 }, Intent::from_row)?
        .collect()
}

/// Whether there are intents.
pub(super) fn are_intents_left(connection: &Connection) -> Result<bool> {
    connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM intent)")?.query_row([], |row| row.get(0))
}

/// How many intents there are.
pub(super) fn count_intents(connection: &Connection) -> Result<i64> {
    connection.prepare_cached("SELECT count(*) FROM intent")?.query_row([], |row| row.get(0))
}

/// Decides that these intents become no orders, and returns those of which that is so: an order may have been made meanwhile.
pub(super) fn give_up_intents(connection: &Connection, intents: Vec<Intent>) -> Result<Vec<Intent>> {
    let mut statement = connection.prepare_cached("UPDATE intent SET state = 'RELEASING' WHERE key = ?1")?;
    let mut given_up = Vec::new();
    for intent in intents {
        if statement.execute([&intent.key])? == 1 {
            given_up.push(intent);
        }
    }
    Ok(given_up)
}

/// Removes intents that were refused or abandoned, and whose reservations were released.
pub(super) fn remove_intents(connection: &Connection, keys: &[Key]) -> Result<()> {
    let mut statement = connection.prepare_cached("DELETE FROM intent WHERE key = ?1")?;
    keys.iter().try_for_each(|key| statement.execute([key]).map(drop))
}

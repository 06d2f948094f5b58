//! Every SQL statement of the payments service, for SQLite.

use chassis::{
    api::idempotency,
    storage::sqlite::{self, Schema},
    values::Id,
};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::payment::{Content, Payment};

/// Nothing is ever deleted, so SQLite's next id is always a new one (<https://www.sqlite.org/autoinc.html>).
pub(super) const SCHEMA: Schema = Schema {
    application_id: 0x5041_594d,
    migrations: &[
        "
        CREATE TABLE payment (
            id       INTEGER PRIMARY KEY,
            order_id INTEGER NOT NULL CHECK (order_id >= 1),
            amount   REAL    NOT NULL CHECK (amount >= 0),
            method   TEXT    NOT NULL CHECK (method <> ''),
            status   TEXT    NOT NULL CHECK (status = 'SUCCESS')
        ) STRICT;
        ",
        idempotency::TABLE,
        chassis::stored_responses_of!("create_payment"),
    ],
};

impl Payment {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let content = Content { order_id: row.get(1)?, amount: row.get(2)?, method: row.get(3)? };
        Ok(Self { id: row.get(0)?, content })
    }
}

pub(super) fn get(connection: &Connection, id: Id) -> Result<Option<Payment>> {
    connection
        .prepare_cached("SELECT id, order_id, amount, method FROM payment WHERE id = ?1")?
        .query_row([id], Payment::from_row)
        .optional()
}

/// What is inserted is what was checked, so it is not read back: RETURNING would keep it in a table of its own meanwhile.
pub(super) fn insert(connection: &Connection, content: Content) -> Result<Payment> {
    let Content { order_id, amount, method } = &content;
    connection
        .prepare_cached(
            "INSERT INTO payment (order_id, amount, method, status) VALUES (?1, ?2, ?3, 'SUCCESS')",
        )?
        .execute(params![order_id, amount, method])?;
    Ok(Payment { id: sqlite::last_id(connection)?, content })
}

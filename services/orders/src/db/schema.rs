//! The tables of the orders service.

use chassis::{api::idempotency, storage::sqlite::Schema};

use super::intents;

/// No order is ever deleted, so SQLite's next id is always a new one (<https://www.sqlite.org/autoinc.html>).
pub const SCHEMA: Schema = Schema {
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
        intents::TABLES,
    ],
};

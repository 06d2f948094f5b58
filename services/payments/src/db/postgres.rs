//! Every SQL statement of the payments service, for PostgreSQL.

use chassis::{
    api::idempotency,
    storage::postgres::{Connection, Error, Row, Schema},
    values::Id,
};

use super::payment::{Content, Payment};

/// Nothing is ever deleted, and a sequence gives no number twice.
pub(super) const SCHEMA: Schema = Schema {
    migrations: &[
        "
        CREATE TABLE payment (
            id       bigint           GENERATED ALWAYS AS IDENTITY (MAXVALUE 9007199254740991) PRIMARY KEY,
            order_id bigint           NOT NULL CHECK (order_id >= 1),
            amount   double precision NOT NULL CHECK (amount >= 0),
            method   text             NOT NULL CHECK (method <> ''),
            status   text             NOT NULL CHECK (status = 'SUCCESS')
        );
        ",
        idempotency::POSTGRES_TABLE,
    ],
};

impl Payment {
    fn of_row(row: &Row) -> Result<Self, Error> {
        let content = Content { order_id: row.try_get(1)?, amount: row.try_get(2)?, method: row.try_get(3)? };
        Ok(Self { id: row.try_get(0)?, content })
    }
}

pub(super) async fn get(connection: &Connection, id: Id) -> Result<Option<Payment>, Error> {
    let select = "SELECT id, order_id, amount, method FROM payment WHERE id = $1";
    connection.query_opt(select, &[&id]).await?.as_ref().map(Payment::of_row).transpose()
}

pub(super) async fn insert(connection: &Connection, content: &Content) -> Result<Payment, Error> {
    let insert = "INSERT INTO payment (order_id, amount, method, status) VALUES ($1, $2, $3, 'SUCCESS')
                  RETURNING id";
    let Content { order_id, amount, method } = content;
    let row = connection.query_one(insert, &[order_id, amount, method]).await?;
    Ok(Payment { id: row.try_get(0)?, content: content.clone() })
}

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

/// The payment with each of these ids.
pub(super) async fn get_all(connection: &Connection, ids: Vec<Id>) -> Result<Vec<Option<Payment>>, Error> {
    let select = "SELECT id, order_id, amount, method FROM payment WHERE id = ANY($1)";
    connection.query_by_id(select, &ids, Payment::of_row).await
}

pub(super) async fn insert(connection: &Connection, content: &Content) -> Result<Payment, Error> {
    let insert = "INSERT INTO payment (order_id, amount, method, status) VALUES ($1, $2, $3, 'SUCCESS')
                  RETURNING id";
    let Content { order_id, amount, method } = content;
    let row = connection.query_one(insert, &[order_id, amount, method]).await?;
    Ok(Payment { id: row.try_get(0)?, content: content.clone() })
}

/// Inserts all of them in one statement, and returns them in the same order.
pub(super) async fn insert_all(
    connection: &Connection,
    contents: impl Iterator<Item = &Content> + Clone,
) -> Result<Vec<Payment>, Error> {
    let orders: Vec<_> = contents.clone().map(|content| content.order_id).collect();
    let amounts: Vec<_> = contents.clone().map(|content| content.amount).collect();
    let methods: Vec<_> = contents.clone().map(|content| &content.method).collect();
    let insert = "INSERT INTO payment (order_id, amount, method, status)
                  SELECT order_id, amount, method, 'SUCCESS'
                  FROM unnest($1::bigint[], $2::double precision[], $3::text[])
                       WITH ORDINALITY AS new (order_id, amount, method, place)
                  ORDER BY place RETURNING id";
    let ids = connection.insert_in_order(insert, &[&orders, &amounts, &methods]).await?;
    Ok(ids.into_iter().zip(contents).map(|(id, content)| Payment { id, content: content.clone() }).collect())
}

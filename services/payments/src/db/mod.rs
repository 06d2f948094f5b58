//! The queries of the service. The SQL for each engine is in a file of its own.

mod sqlite;
mod postgres;
mod payment;

use chassis::{
    api::idempotency,
    storage::{
        Kind, Query, Schema, Table,
        postgres::{Connection, Error},
    },
    values::Id,
};

pub(crate) use self::payment::{Content, Payment};

/// The schema of the database. What its tables have is copied from one engine to the other.
pub const SCHEMA: Schema = Schema {
    sqlite: &sqlite::SCHEMA,
    postgres: &postgres::SCHEMA,
    tables: &[
        Table::with_ids(
            "payment",
            &[
                ("id", Kind::Integer),
                ("order_id", Kind::Integer),
                ("amount", Kind::Real),
                ("method", Kind::Text),
                ("status", Kind::Text),
            ],
        ),
        idempotency::STORED_RESPONSES,
    ],
};

/// The payment with this id.
pub(crate) struct Get(pub(crate) Id);

impl Query for Get {
    type Output = Option<Payment>;

    fn sqlite(self, connection: &rusqlite::Connection) -> rusqlite::Result<Self::Output> {
        sqlite::get(connection, self.0)
    }

    async fn postgres(&self, connection: &Connection) -> Result<Self::Output, Error> {
        postgres::get(connection, self.0).await
    }

    async fn postgres_all(gets: &[&Self], connection: &Connection) -> Result<Vec<Self::Output>, Error> {
        postgres::get_all(connection, gets.iter().map(|get| get.0).collect()).await
    }
}

/// Inserts a payment.
pub(crate) struct Insert(pub(crate) Content);

impl Query for Insert {
    type Output = Payment;

    fn sqlite(self, connection: &rusqlite::Connection) -> rusqlite::Result<Self::Output> {
        sqlite::insert(connection, self.0)
    }

    async fn postgres(&self, connection: &Connection) -> Result<Self::Output, Error> {
        postgres::insert(connection, &self.0).await
    }

    fn is_one_statement(&self) -> bool {
        true
    }

    fn is_grouped(&self) -> bool {
        true
    }

    async fn postgres_all(inserts: &[&Self], connection: &Connection) -> Result<Vec<Payment>, Error> {
        postgres::insert_all(connection, inserts.iter().map(|insert| &insert.0)).await
    }
}

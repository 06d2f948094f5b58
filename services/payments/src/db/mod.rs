//! What the service asks of its database. Each engine has its SQL in a file of its own.

mod sqlite;
mod postgres;
mod payment;

use chassis::{
    storage::{
        Query,
        postgres::{Connection, Error},
    },
    values::Id,
};

pub(crate) use self::payment::{Content, Payment};
pub(crate) use self::postgres::SCHEMA as POSTGRES_SCHEMA;
pub use self::sqlite::SCHEMA;

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
}

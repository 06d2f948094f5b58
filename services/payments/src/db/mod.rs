//! What the service asks of its database. Each engine has its SQL in a file of its own.

mod sqlite;
mod payment;

use chassis::{storage::Query, values::Id};
use rusqlite::{Connection, Result};

pub(crate) use self::payment::{Content, Payment};
pub use self::sqlite::SCHEMA;

/// The payment with this id.
pub(crate) struct Get(pub(crate) Id);

impl Query for Get {
    type Output = Option<Payment>;

    fn sqlite(self, connection: &Connection) -> Result<Self::Output> {
        sqlite::get(connection, self.0)
    }
}

/// Inserts a payment.
pub(crate) struct Insert(pub(crate) Content);

impl Query for Insert {
    type Output = Payment;

    fn sqlite(self, connection: &Connection) -> Result<Self::Output> {
        sqlite::insert(connection, self.0)
    }
}

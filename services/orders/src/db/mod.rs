//! What the service asks of its database. Each engine has its SQL in a file of its own.

pub(crate) mod intents;
mod sqlite;
mod order;

use chassis::{storage::Query, values::Id};
use rusqlite::{Connection, Result};

pub(crate) use self::order::{Content, Intent, Order};
pub use self::sqlite::SCHEMA;

/// The order with this id.
pub(crate) struct Get(pub(crate) Id);

impl Query for Get {
    type Output = Option<Order>;

    fn sqlite(self, connection: &Connection) -> Result<Self::Output> {
        sqlite::get(connection, self.0)
    }
}

/// Inserts an order.
pub(crate) enum Insert<I> {
    /// Its stock was only checked.
    Checked(Content),
    /// Its stock is reserved, and this is its intent. The query fails if the intent is not open any more.
    Reserved(I),
}

impl<I: AsRef<Intent>> Query for Insert<I> {
    /// The order, and the intent that it was made of.
    type Output = (Order, Option<I>);

    fn sqlite(self, connection: &Connection) -> Result<Self::Output> {
        match self {
            Self::Checked(content) => Ok((sqlite::insert(connection, content)?, None)),
            Self::Reserved(intent) => {
                Ok((sqlite::confirm_intent(connection, intent.as_ref())?, Some(intent)))
            }
        }
    }
}

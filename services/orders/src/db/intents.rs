//! What the service asks of its database about intents: orders that have no reservation yet, or whose reservation has to be
//! released.

use chassis::{storage::Query, values::Key};
use rusqlite::{Connection, Result};

use super::{order::Intent, sqlite};

/// Opens an intent, and returns it.
pub(crate) struct Open<I>(pub(crate) I);

impl<I: AsRef<Intent>> Query for Open<I> {
    type Output = I;

    fn sqlite(self, connection: &Connection) -> Result<Self::Output> {
        sqlite::open_intent(connection, self.0.as_ref())?;
        Ok(self.0)
    }
}

/// At most `limit` intents by ascending key, which is the order in which they were opened, from the one that follows `after`.
pub(crate) struct Page<'a> {
    pub(crate) after: &'a str,
    pub(crate) limit: usize,
}

impl Query for Page<'_> {
    type Output = Vec<Intent>;

    fn sqlite(self, connection: &Connection) -> Result<Self::Output> {
        sqlite::page_intents(connection, self.after, self.limit)
    }
}

/// How many intents there are.
pub(crate) struct Count;

impl Query for Count {
    type Output = i64;

    fn sqlite(self, connection: &Connection) -> Result<Self::Output> {
        sqlite::count_intents(connection)
    }
}

/// Decides that these intents become no orders, and returns those of which that is so: an order may have been made meanwhile.
pub(crate) struct GiveUp(pub(crate) Vec<Intent>);

impl Query for GiveUp {
    type Output = Vec<Intent>;

    fn sqlite(self, connection: &Connection) -> Result<Self::Output> {
        sqlite::give_up_intents(connection, self.0)
    }
}

/// Removes intents that were refused or given up, and whose reservations were released.
pub(crate) struct Remove(pub(crate) Vec<Key>);

impl Query for Remove {
    type Output = ();

    fn sqlite(self, connection: &Connection) -> Result<Self::Output> {
        sqlite::remove_intents(connection, &self.0)
    }
}

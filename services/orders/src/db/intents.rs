//! The queries about intents: orders that have no reservation yet, or whose reservation has to be released.

use chassis::{
    storage::{
        Kind, Query, Table,
        postgres::{Connection, Error},
    },
    values::Key,
};

use super::{
    order::{Intent, Owner},
    postgres, sqlite,
};

/// The table of intents. A copied intent has no owner, since all instances were stopped.
pub(super) const TABLE: Table = Table::with_key(
    "intent",
    1,
    &[("key", Kind::Text), ("product_id", Kind::Integer), ("quantity", Kind::Integer), ("state", Kind::Text)],
);

/// Opens an intent, and returns it.
pub(crate) struct Open<I> {
    pub(crate) intent: I,
    pub(crate) owner: Owner,
}

impl<I: AsRef<Intent> + Clone + Send + Sync> Query for Open<I> {
    type Output = I;

    fn sqlite(self, connection: &rusqlite::Connection) -> rusqlite::Result<Self::Output> {
        sqlite::open_intent(connection, self.intent.as_ref())?;
        Ok(self.intent)
    }

    async fn postgres(&self, connection: &Connection) -> Result<Self::Output, Error> {
        postgres::open_intent(connection, self.intent.as_ref(), &self.owner).await?;
        Ok(self.intent.clone())
    }

    fn is_one_statement(&self) -> bool {
        true
    }
}

/// At most `limit` intents by ascending key, which is the order in which they were opened, from the one that follows `after`. Those of other instances
/// are left to them, as long as they may be in flight.
pub(crate) struct Page<'a> {
    pub(crate) after: &'a str,
    pub(crate) limit: usize,
    pub(crate) owner: &'a Owner,
}

impl Query for Page<'_> {
    type Output = Vec<Intent>;

    fn sqlite(self, connection: &rusqlite::Connection) -> rusqlite::Result<Self::Output> {
        sqlite::page_intents(connection, self.after, self.limit)
    }

    async fn postgres(&self, connection: &Connection) -> Result<Self::Output, Error> {
        postgres::page_intents(connection, self.after, self.limit, self.owner).await
    }
}

/// How many intents there are, without those that are left to other instances.
pub(crate) struct Count<'a>(pub(crate) &'a Owner);

impl Query for Count<'_> {
    type Output = i64;

    fn sqlite(self, connection: &rusqlite::Connection) -> rusqlite::Result<Self::Output> {
        sqlite::count_intents(connection)
    }

    async fn postgres(&self, connection: &Connection) -> Result<Self::Output, Error> {
        postgres::count_intents(connection, self.0).await
    }
}

/// Whether there are intents, of whichever instance.
pub(crate) struct AreLeft;

impl Query for AreLeft {
    type Output = bool;

    fn sqlite(self, connection: &rusqlite::Connection) -> rusqlite::Result<Self::Output> {
        sqlite::are_intents_left(connection)
    }

    async fn postgres(&self, connection: &Connection) -> Result<Self::Output, Error> {
        postgres::are_intents_left(connection).await
    }
}

/// Decides that these intents become no orders, and returns those of which that is so: an order may have been made meanwhile.
pub(crate) struct GiveUp(pub(crate) Vec<Intent>);

impl Query for GiveUp {
    type Output = Vec<Intent>;

    fn sqlite(self, connection: &rusqlite::Connection) -> rusqlite::Result<Self::Output> {
        sqlite::give_up_intents(connection, self.0)
    }

    async fn postgres(&self, connection: &Connection) -> Result<Self::Output, Error> {
        postgres::give_up_intents(connection, &self.0).await
    }

    fn is_one_statement(&self) -> bool {
        true
    }
}

/// Removes intents that were refused or abandoned, and whose reservations were released.
pub(crate) struct Remove(pub(crate) Vec<Key>);

impl Query for Remove {
    type Output = ();

    fn sqlite(self, connection: &rusqlite::Connection) -> rusqlite::Result<Self::Output> {
        sqlite::remove_intents(connection, &self.0)
    }

    async fn postgres(&self, connection: &Connection) -> Result<Self::Output, Error> {
        postgres::remove_intents(connection, &self.0).await
    }

    fn is_one_statement(&self) -> bool {
        true
    }
}

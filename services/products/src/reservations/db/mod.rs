//! The queries about reservations. The SQL for each engine is in a file of its own.

mod sqlite;
mod postgres;
mod reservation;

use chassis::{
    storage::{
        Kind, Query, Table,
        postgres::{Connection, Error},
    },
    values::{Id, Key, Quantity},
};

pub(crate) use self::{
    postgres::TABLE as POSTGRES_TABLE,
    reservation::{Made, Released, Reservation, Status},
    sqlite::TABLE as SQLITE_TABLE,
};

/// The table of reservations.
pub(crate) const TABLE: Table = Table::with_key(
    "reservation",
    2,
    &[
        ("key", Kind::Text),
        ("product_id", Kind::Integer),
        ("quantity", Kind::Integer),
        ("status", Kind::Text),
    ],
);

/// The reservation, if there is one. The outer option is none if there is no such product.
pub(crate) struct Find {
    pub(crate) product_id: Id,
    pub(crate) key: Key,
}

impl Query for Find {
    type Output = Option<Option<Reservation>>;

    fn sqlite(self, connection: &rusqlite::Connection) -> rusqlite::Result<Self::Output> {
        sqlite::find(connection, self.product_id, &self.key)
    }

    async fn postgres(&self, connection: &Connection) -> Result<Self::Output, Error> {
        postgres::find(connection, self.product_id, &self.key).await
    }
}

/// Takes the quantity off the stock, unless the reservation was made or released before.
pub(crate) struct Make {
    pub(crate) product_id: Id,
    pub(crate) key: Key,
    pub(crate) quantity: Quantity,
}

impl Query for Make {
    type Output = Made;

    fn sqlite(self, connection: &rusqlite::Connection) -> rusqlite::Result<Self::Output> {
        sqlite::make(connection, self.product_id, self.key, self.quantity)
    }

    async fn postgres(&self, connection: &Connection) -> Result<Self::Output, Error> {
        postgres::make(connection, self.product_id, &self.key, self.quantity).await
    }
}

/// Puts the quantity back into the stock, unless that was done before. A reservation that was never made is stored as
/// released, so that one that is still in flight takes nothing when it arrives.
pub(crate) struct Release {
    pub(crate) product_id: Id,
    pub(crate) key: Key,
}

impl Query for Release {
    type Output = Released;

    fn sqlite(self, connection: &rusqlite::Connection) -> rusqlite::Result<Self::Output> {
        sqlite::release(connection, self.product_id, self.key)
    }

    async fn postgres(&self, connection: &Connection) -> Result<Self::Output, Error> {
        postgres::release(connection, self.product_id, &self.key).await
    }
}

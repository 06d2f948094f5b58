//! The queries of the service. The SQL for each engine is in a file of its own.

pub(crate) mod intents;
mod sqlite;
mod postgres;
mod order;

use chassis::{
    api::idempotency,
    storage::{
        Kind, Query, Schema, Table,
        postgres::{Connection, Error},
    },
    values::Id,
};

pub(crate) use self::order::{Content, Intent, Order, Owner};

/// The schema of the database. What its tables have is copied from one engine to the other.
pub const SCHEMA: Schema = Schema {
    sqlite: &sqlite::SCHEMA,
    postgres: &postgres::SCHEMA,
    tables: &[
        Table::with_ids(
            "purchase_order",
            &[
                ("id", Kind::Integer),
                ("product_id", Kind::Integer),
                ("quantity", Kind::Integer),
                ("status", Kind::Text),
            ],
        ),
        idempotency::STORED_RESPONSES,
        intents::TABLE,
        Table::with_key("order_reservation", 1, &[("order_id", Kind::Integer), ("key", Kind::Text)]),
    ],
};

/// The order with this id.
pub(crate) struct Get(pub(crate) Id);

impl Query for Get {
    type Output = Option<Order>;

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

/// Inserts an order.
pub(crate) enum Insert<I> {
    /// Its stock was only checked.
    Checked(Content),
    /// Its stock is reserved, and this is its intent. The query fails if the intent is no longer open.
    Reserved(I),
}

impl<I: AsRef<Intent> + Clone + Send + Sync> Query for Insert<I> {
    /// The order, and the intent that it was made of.
    type Output = (Order, Option<I>);

    fn sqlite(self, connection: &rusqlite::Connection) -> rusqlite::Result<Self::Output> {
        match self {
            Self::Checked(content) => Ok((sqlite::insert(connection, content)?, None)),
            Self::Reserved(intent) => {
                Ok((sqlite::confirm_intent(connection, intent.as_ref())?, Some(intent)))
            }
        }
    }

    async fn postgres(&self, connection: &Connection) -> Result<Self::Output, Error> {
        match self {
            Self::Checked(content) => Ok((postgres::insert(connection, *content).await?, None)),
            Self::Reserved(intent) => {
                let order = postgres::confirm_intent(connection, intent.as_ref()).await?;
                Ok((order, Some(intent.clone())))
            }
        }
    }

    fn is_one_statement(&self) -> bool {
        true
    }

    /// An intent may be locked by the task that releases it.
    fn is_grouped(&self) -> bool {
        matches!(self, Self::Checked(_))
    }

    async fn postgres_all(inserts: &[&Self], connection: &Connection) -> Result<Vec<Self::Output>, Error> {
        let contents = inserts.iter().filter_map(|insert| match insert {
            Self::Checked(content) => Some(*content),
            Self::Reserved(_) => None,
        });
        let orders = postgres::insert_all(connection, contents).await?;
        Ok(orders.into_iter().map(|order| (order, None)).collect())
    }
}

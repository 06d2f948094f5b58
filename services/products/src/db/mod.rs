//! The queries about products. The SQL for each engine is in a file of its own.

mod sqlite;
mod postgres;
mod product;

use std::ops::RangeInclusive;

use chassis::{
    api::idempotency,
    storage::{
        Kind, Query, Schema, Table,
        postgres::{Connection, Error},
    },
    values::Id,
};

pub(crate) use self::product::{Content, Product, Replaced};
use crate::reservations;

/// The schema of the database. What its tables have is copied from one engine to the other.
pub const SCHEMA: Schema = Schema {
    sqlite: &sqlite::SCHEMA,
    postgres: &postgres::SCHEMA,
    tables: &[
        Table::with_ids(
            "product",
            &[("id", Kind::Integer), ("name", Kind::Text), ("price", Kind::Real), ("stock", Kind::Integer)],
        ),
        idempotency::STORED_RESPONSES,
        reservations::db::TABLE,
    ],
};

/// The product with this id.
pub(crate) struct Get(pub(crate) Id);

impl Query for Get {
    type Output = Option<Product>;

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

/// At most `limit` products by ascending id, from the first or from the one that follows `after`.
pub(crate) struct Page {
    pub(crate) after: Option<Id>,
    pub(crate) limit: usize,
}

impl Query for Page {
    type Output = Vec<Product>;

    fn sqlite(self, connection: &rusqlite::Connection) -> rusqlite::Result<Self::Output> {
        sqlite::page(connection, self.after, self.limit)
    }

    async fn postgres(&self, connection: &Connection) -> Result<Self::Output, Error> {
        postgres::page(connection, self.after, self.limit).await
    }
}

/// The greatest id of a product, or 0. No product will appear with a smaller one.
pub(crate) struct LastId;

impl Query for LastId {
    type Output = i64;

    fn sqlite(self, connection: &rusqlite::Connection) -> rusqlite::Result<Self::Output> {
        sqlite::last_id(connection)
    }

    async fn postgres(&self, connection: &Connection) -> Result<Self::Output, Error> {
        postgres::last_id(connection).await
    }
}

/// The smallest id of a product that is greater than this.
pub(crate) struct NextId(pub(crate) i64);

impl Query for NextId {
    type Output = Option<i64>;

    fn sqlite(self, connection: &rusqlite::Connection) -> rusqlite::Result<Self::Output> {
        sqlite::next_id(connection, self.0)
    }

    async fn postgres(&self, connection: &Connection) -> Result<Self::Output, Error> {
        postgres::next_id(connection, self.0).await
    }
}

/// Collects the products with these ids, by ascending id. `add` adds one.
pub(crate) struct Range<T> {
    pub(crate) ids: RangeInclusive<i64>,
    pub(crate) add: fn(&mut T, Product),
}

impl<T: Default + Send> Query for Range<T> {
    type Output = T;

    fn sqlite(self, connection: &rusqlite::Connection) -> rusqlite::Result<Self::Output> {
        let mut collected = T::default();
        sqlite::range(connection, &self.ids, |product| (self.add)(&mut collected, product))?;
        Ok(collected)
    }

    async fn postgres(&self, connection: &Connection) -> Result<Self::Output, Error> {
        let mut collected = T::default();
        let products = postgres::range(connection, &self.ids).await?;
        products.into_iter().for_each(|product| (self.add)(&mut collected, product));
        Ok(collected)
    }
}

/// Inserts a product.
pub(crate) struct Insert(pub(crate) Content);

impl Query for Insert {
    type Output = Product;

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

    async fn postgres_all(inserts: &[&Self], connection: &Connection) -> Result<Vec<Product>, Error> {
        postgres::insert_all(connection, inserts.iter().map(|insert| &insert.0)).await
    }
}

/// Replaces everything but the id, if there is such a product, and if it is as expected.
pub(crate) struct Replace<F> {
    pub(crate) id: Id,
    pub(crate) content: Content,
    pub(crate) is_expected: Option<F>,
}

impl<F: Fn(Product) -> bool + Sync> Query for Replace<F> {
    type Output = Replaced;

    fn sqlite(self, connection: &rusqlite::Connection) -> rusqlite::Result<Self::Output> {
        sqlite::replace(connection, self.id, &self.content, self.is_expected)
    }

    async fn postgres(&self, connection: &Connection) -> Result<Self::Output, Error> {
        postgres::replace(connection, self.id, &self.content, self.is_expected.as_ref()).await
    }

    fn is_one_statement(&self) -> bool {
        self.is_expected.is_none()
    }
}

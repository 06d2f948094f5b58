//! Every SQL statement about products, for PostgreSQL.
//!
//! Ids are given before the commit, so a product can appear behind one with a greater id. A caller who pages through the list must
//! not pass it by. So whoever inserts holds a shared lock from before the id is given until the commit, and whoever lists waits
//! for those who hold it, but only if ids are missing that may yet appear.

use std::{
    ops::RangeInclusive,
    sync::atomic::Ordering::{AcqRel, Acquire},
};

use chassis::{
    api::idempotency,
    storage::postgres::{Connection, Error, Row, Schema},
    values::Id,
};

use super::product::{Content, Product, Replaced};
use crate::reservations;

/// The key of the lock: `product` in ASCII.
const INSERT_LOCK: i64 = 0x70_726f_6475_6374;

/// Nothing is ever deleted, and a sequence gives no number twice.
pub(super) const SCHEMA: Schema = Schema {
    migrations: &[
        "
        CREATE TABLE product (
            id    bigint           GENERATED ALWAYS AS IDENTITY (MAXVALUE 9007199254740991) PRIMARY KEY,
            name  text             NOT NULL CHECK (name <> ''),
            price double precision NOT NULL CHECK (price >= 0),
            stock bigint           NOT NULL CHECK (stock >= 0)
        );
        ",
        idempotency::POSTGRES_TABLE,
        reservations::db::POSTGRES_TABLE,
    ],
};

impl Product {
    fn of_row(row: &Row) -> Result<Self, Error> {
        let content = Content { name: row.try_get(1)?, price: row.try_get(2)?, stock: row.try_get(3)? };
        Ok(Self { id: row.try_get(0)?, content })
    }
}

pub(super) async fn get(connection: &Connection, id: Id) -> Result<Option<Product>, Error> {
    let select = "SELECT id, name, price, stock FROM product WHERE id = $1";
    connection.query_opt(select, &[&id]).await?.as_ref().map(Product::of_row).transpose()
}

pub(super) async fn page(
    connection: &Connection,
    after: Option<Id>,
    limit: usize,
) -> Result<Vec<Product>, Error> {
    between(connection, after.map_or(0, Id::get), i64::MAX, limit as i64).await
}

pub(super) async fn next_id(connection: &Connection, after: i64) -> Result<Option<i64>, Error> {
    let select = "SELECT min(id) FROM product WHERE id > $1";
    Ok(connection.query_one(select, &[&after]).await?.try_get(0)?)
}

pub(super) async fn range(connection: &Connection, ids: &RangeInclusive<i64>) -> Result<Vec<Product>, Error> {
    between(connection, ids.start() - 1, *ids.end(), i64::MAX).await
}

/// The first products with ids from the one that follows `after` to `last`, without those behind one that may yet appear.
async fn between(connection: &Connection, after: i64, last: i64, limit: i64) -> Result<Vec<Product>, Error> {
    let products = select(connection, after, last, limit).await?;
    let Some(greatest) = products.last().map(|product| product.id.get()) else { return Ok(products) };
    let settled = connection.settled().load(Acquire);
    let from = after.max(settled);
    let new = products.iter().filter(|product| product.id.get() > from).count() as i64;
    if new == (greatest - from).max(0) {
        if after <= settled {
            connection.settled().fetch_max(greatest, AcqRel);
        }
        return Ok(products);
    }
    let settled = settle(connection).await?;
    let mut products = select(connection, after, last, limit).await?;
    products.retain(|product| product.id.get() <= settled);
    Ok(products)
}

async fn select(connection: &Connection, after: i64, last: i64, limit: i64) -> Result<Vec<Product>, Error> {
    let select = "SELECT id, name, price, stock FROM product WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3";
    connection.query(select, &[&after, &last, &limit]).await?.iter().map(Product::of_row).collect()
}

/// Waits for the transactions that may insert products with smaller ids than the greatest one, and returns that.
async fn settle(connection: &Connection) -> Result<i64, Error> {
    let row = connection.query_one("SELECT coalesce(max(id), 0) FROM product", &[]).await?;
    let greatest: i64 = row.try_get(0)?;
    connection.query("SELECT pg_advisory_xact_lock($1)", &[&INSERT_LOCK]).await?;
    connection.settled().fetch_max(greatest, AcqRel);
    Ok(greatest)
}

pub(super) async fn insert(connection: &Connection, content: &Content) -> Result<Product, Error> {
    // The lock comes first: what the ids are taken for is computed from what it returns.
    let insert = "INSERT INTO product (name, price, stock)
                  SELECT $1::text, $2::double precision, $3::bigint FROM pg_advisory_xact_lock_shared($4)
                  RETURNING id";
    let Content { name, price, stock } = content;
    let row = connection.query_one(insert, &[name, price, stock, &INSERT_LOCK]).await?;
    Ok(Product { id: row.try_get(0)?, content: content.clone() })
}

pub(super) async fn replace(
    connection: &Connection,
    id: Id,
    Content { name, price, stock }: &Content,
    is_expected: Option<&(impl Fn(Product) -> bool + Sync)>,
) -> Result<Replaced, Error> {
    if let Some(is_expected) = is_expected {
        let select = "SELECT id, name, price, stock FROM product WHERE id = $1 FOR UPDATE";
        let Some(row) = connection.query_opt(select, &[&id]).await? else { return Ok(Replaced::NotFound) };
        if !is_expected(Product::of_row(&row)?) {
            return Ok(Replaced::Unexpected);
        }
    }
    let update = "UPDATE product SET name = $2, price = $3, stock = $4 WHERE id = $1
                  RETURNING id, name, price, stock";
    let row = connection.query_opt(update, &[&id, name, price, stock]).await?;
    Ok(row.as_ref().map(Product::of_row).transpose()?.map_or(Replaced::NotFound, Replaced::Done))
}

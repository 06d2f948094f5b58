//! Every SQL statement about products, for PostgreSQL.

use std::ops::RangeInclusive;

use chassis::{
    api::idempotency,
    storage::postgres::{Connection, Error, List, Row, Schema},
    values::Id,
};

use super::product::{Content, Product, Replaced};
use crate::reservations;

/// The products, as they are listed.
const LIST: List = List::of("product");

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

/// The product with each of these ids.
pub(super) async fn get_all(connection: &Connection, ids: Vec<Id>) -> Result<Vec<Option<Product>>, Error> {
    let select = "SELECT id, name, price, stock FROM product WHERE id = ANY($1)";
    connection.query_by_id(select, &ids, Product::of_row).await
}

pub(super) async fn page(
    connection: &Connection,
    after: Option<Id>,
    limit: usize,
) -> Result<Vec<Product>, Error> {
    let select = "SELECT id, name, price, stock FROM product WHERE id <= $1 AND id > $2 ORDER BY id LIMIT $3";
    let (after, limit) = (after.map_or(0, Id::get), limit as i64);
    LIST.page(connection, select, &[&after, &limit]).await?.iter().map(Product::of_row).collect()
}

pub(super) async fn last_id(connection: &Connection) -> Result<i64, Error> {
    LIST.end(connection).await
}

pub(super) async fn next_id(connection: &Connection, after: i64) -> Result<Option<i64>, Error> {
    let select = "SELECT min(id) FROM product WHERE id > $1";
    Ok(connection.query_one(select, &[&after]).await?.try_get(0)?)
}

pub(super) async fn range(connection: &Connection, ids: &RangeInclusive<i64>) -> Result<Vec<Product>, Error> {
    let select = "SELECT id, name, price, stock FROM product WHERE id BETWEEN $1 AND $2 ORDER BY id";
    connection.query(select, &[ids.start(), ids.end()]).await?.iter().map(Product::of_row).collect()
}

pub(super) async fn insert(connection: &Connection, content: &Content) -> Result<Product, Error> {
    let Content { name, price, stock } = content;
    let values = "$1::text, $2::double precision, $3::bigint";
    let row = LIST.insert(connection, "name, price, stock", values, &[name, price, stock]).await?;
    Ok(Product { id: row.try_get(0)?, content: content.clone() })
}

/// Inserts all of them in one statement, and returns them in the same order.
pub(super) async fn insert_all(
    connection: &Connection,
    contents: impl Iterator<Item = &Content> + Clone,
) -> Result<Vec<Product>, Error> {
    let names: Vec<_> = contents.clone().map(|content| &content.name).collect();
    let prices: Vec<_> = contents.clone().map(|content| content.price).collect();
    let stocks: Vec<_> = contents.clone().map(|content| content.stock).collect();
    let values = "$1::text[], $2::double precision[], $3::bigint[]";
    let ids = LIST.insert_all(connection, "name, price, stock", values, &[&names, &prices, &stocks]).await?;
    Ok(ids.into_iter().zip(contents).map(|(id, content)| Product { id, content: content.clone() }).collect())
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

//! Every SQL statement about products, for SQLite.

use std::ops::RangeInclusive;

use chassis::{
    api::idempotency,
    storage::sqlite::{self, Schema},
    values::Id,
};
use rusqlite::{Connection, OptionalExtension, Result, Row, named_params, params};

use super::product::{Content, Product, Replaced};
use crate::reservations;

/// Nothing is ever deleted, so SQLite's next id is always a new one (<https://www.sqlite.org/autoinc.html>).
pub(super) const SCHEMA: Schema = Schema {
    application_id: 0x5052_4f44,
    migrations: &[
        "
        CREATE TABLE product (
            id    INTEGER PRIMARY KEY,
            name  TEXT    NOT NULL CHECK (name <> ''),
            price REAL    NOT NULL CHECK (price >= 0),
            stock INTEGER NOT NULL CHECK (stock >= 0)
        ) STRICT;
        ",
        idempotency::TABLE,
        chassis::stored_responses_of!("create_product"),
        reservations::db::SQLITE_TABLE,
    ],
};

impl Product {
    /// Columns are taken by their places, since finding them by their names took a fifth of the time of a read.
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let content = Content { name: row.get(1)?, price: row.get(2)?, stock: row.get(3)? };
        Ok(Self { id: row.get(0)?, content })
    }
}

pub(super) fn get(connection: &Connection, id: Id) -> Result<Option<Product>> {
    connection
        .prepare_cached("SELECT id, name, price, stock FROM product WHERE id = ?1")?
        .query_row([id], Product::from_row)
        .optional()
}

/// At most `limit` products by ascending id, from the first or from the one that follows `after`.
pub(super) fn page(connection: &Connection, after: Option<Id>, limit: usize) -> Result<Vec<Product>> {
    let (after, limit) = (after.map_or(0, Id::get), limit as i64);
    connection
        .prepare_cached(
            "SELECT id, name, price, stock FROM product WHERE id > :after ORDER BY id LIMIT :limit",
        )?
        .query_map(named_params! { ":after": after, ":limit": limit }, Product::from_row)?
        .collect()
}

/// The greatest id of a product, or 0.
pub(super) fn last_id(connection: &Connection) -> Result<i64> {
    connection.prepare_cached("SELECT coalesce(max(id), 0) FROM product")?.query_row([], |row| row.get(0))
}

/// The smallest id of a product that is greater than `after`.
pub(super) fn next_id(connection: &Connection, after: i64) -> Result<Option<i64>> {
    connection
        .prepare_cached("SELECT min(id) FROM product WHERE id > :after")?
        .query_row(named_params! { ":after": after }, |row| row.get(0))
}

/// Hands each product with these ids to `take`, by ascending id.
pub(super) fn range(
    connection: &Connection,
    ids: &RangeInclusive<i64>,
    mut take: impl FnMut(Product),
) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, price, stock FROM product WHERE id BETWEEN :first AND :last ORDER BY id",
    )?;
    let mut rows = statement.query(named_params! { ":first": ids.start(), ":last": ids.end() })?;
    while let Some(row) = rows.next()? {
        take(Product::from_row(row)?);
    }
    Ok(())
}

/// What is inserted is what was checked, so it is not read back: RETURNING would keep it in a table of its own meanwhile.
pub(super) fn insert(connection: &Connection, content: Content) -> Result<Product> {
    let Content { name, price, stock } = &content;
    connection
        .prepare_cached("INSERT INTO product (name, price, stock) VALUES (?1, ?2, ?3)")?
        .execute(params![name, price, stock])?;
    Ok(Product { id: sqlite::last_id(connection)?, content })
}

/// Replaces everything but the id, if there is such a product, and if it is as expected.
pub(super) fn replace(
    connection: &Connection,
    id: Id,
    Content { name, price, stock }: &Content,
    is_expected: Option<impl FnOnce(Product) -> bool>,
) -> Result<Replaced> {
    if let Some(is_expected) = is_expected {
        let Some(product) = get(connection, id)? else { return Ok(Replaced::NotFound) };
        if !is_expected(product) {
            return Ok(Replaced::Unexpected);
        }
    }
    let product = connection
        .prepare_cached(
            "UPDATE product SET name = :name, price = :price, stock = :stock WHERE id = :id
             RETURNING id, name, price, stock",
        )?
        .query_row(
            named_params! { ":id": id, ":name": name, ":price": price, ":stock": stock },
            Product::from_row,
        )
        .optional()?;
    Ok(product.map_or(Replaced::NotFound, Replaced::Done))
}

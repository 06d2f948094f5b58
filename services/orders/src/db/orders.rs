//! Every SQL statement about orders.

use chassis::{
    storage::sqlite,
    values::{Id, Quantity},
};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

/// An order. It has one status, which is therefore not read.
pub(crate) struct Order {
    pub(crate) id: Id,
    pub(crate) content: Content,
}

/// An order but for its id.
#[derive(Clone, Copy)]
pub(crate) struct Content {
    pub(crate) product_id: Id,
    pub(crate) quantity: Quantity,
}

impl Order {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let content = Content { product_id: row.get(1)?, quantity: row.get(2)? };
        Ok(Self { id: row.get(0)?, content })
    }
}

pub(crate) fn get(connection: &Connection, id: Id) -> Result<Option<Order>> {
    connection
        .prepare_cached("SELECT id, product_id, quantity FROM purchase_order WHERE id = ?1")?
        .query_row([id], Order::from_row)
        .optional()
}

/// What is inserted is what was checked, so it is not read back: RETURNING would keep it in a table of its own meanwhile.
pub(crate) fn insert(connection: &Connection, content: Content) -> Result<Order> {
    let Content { product_id, quantity } = content;
    connection
        .prepare_cached(
            "INSERT INTO purchase_order (product_id, quantity, status) VALUES (?1, ?2, 'PENDING')",
        )?
        .execute(params![product_id, quantity])?;
    Ok(Order { id: sqlite::last_id(connection)?, content })
}

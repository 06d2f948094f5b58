//! Every SQL statement about reservations, for SQLite.

use chassis::values::{Id, Key, MAX_SAFE_INTEGER, Quantity};
use rusqlite::{
    Connection, OptionalExtension, Result, Row, ToSql, named_params, params,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};

use super::reservation::{Made, Released, Reservation, Status};

/// The migration that added reservations. A quantity of 0 is that of one which was released before it was made.
///
/// The key comes first: those of orders grow with time, so that all reservations of a commit are on one page. By product, each
/// would be on a page of its own.
pub(crate) const TABLE: &str = "
    CREATE TABLE reservation (
        product_id INTEGER NOT NULL CHECK (product_id >= 1),
        key        TEXT    NOT NULL CHECK (key <> ''),
        quantity   INTEGER NOT NULL CHECK (quantity >= 0),
        status     TEXT    NOT NULL CHECK (status = 'HELD' AND quantity >= 1 OR status = 'RELEASED'),
        PRIMARY KEY (key, product_id)
    ) STRICT, WITHOUT ROWID;
";

impl Reservation {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self { product_id: row.get(0)?, key: row.get(1)?, quantity: row.get(2)?, status: row.get(3)? })
    }

    fn insert(&self, connection: &Connection) -> Result<()> {
        connection
            .prepare_cached(
                "INSERT INTO reservation (product_id, key, quantity, status) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![self.product_id, self.key, self.quantity, self.status])?;
        Ok(())
    }
}

/// The reservation, if there is one. The outer option is none if there is no such product.
///
/// Two statements, since SQLite compiles a `LEFT JOIN` on a parameter again for each execution.
pub(super) fn find(
    connection: &Connection,
    product_id: Id,
    key: &Key,
) -> Result<Option<Option<Reservation>>> {
    match find_stored(connection, product_id, key)? {
        Some(found) => Ok(Some(Some(found))),
        None => Ok(has_product(connection, product_id)?.then_some(None)),
    }
}

fn find_stored(connection: &Connection, product_id: Id, key: &Key) -> Result<Option<Reservation>> {
    connection
        .prepare_cached(
            "SELECT product_id, key, quantity, status FROM reservation WHERE product_id = ?1 AND key = ?2",
        )?
        .query_row(params![product_id, key], Reservation::from_row)
        .optional()
}

fn has_product(connection: &Connection, id: Id) -> Result<bool> {
    let select = "SELECT 1 FROM product WHERE id = :id";
    connection.prepare_cached(select)?.exists(named_params! { ":id": id })
}

/// Takes the quantity off the stock, unless the reservation was made or released before.
pub(super) fn make(connection: &Connection, product_id: Id, key: Key, quantity: Quantity) -> Result<Made> {
    if let Some(found) = find_stored(connection, product_id, &key)? {
        return Ok(found.made_again(quantity));
    }
    let taken = connection
        .prepare_cached("UPDATE product SET stock = stock - ?2 WHERE id = ?1 AND stock >= ?2")?
        .execute(params![product_id, quantity])?;
    if taken == 0 {
        return Ok(match has_product(connection, product_id)? {
            true => Made::NotEnoughStock,
            false => Made::NoProduct,
        });
    }
    let reservation = Reservation::held(product_id, key, quantity);
    reservation.insert(connection)?;
    Ok(Made::Now(reservation))
}

/// Puts the quantity back into the stock, unless that was done before. A reservation that was never made is stored as
/// released, so that one that is still in flight takes nothing when it arrives.
pub(super) fn release(connection: &Connection, product_id: Id, key: Key) -> Result<Released> {
    let held = match find(connection, product_id, &key)? {
        None => return Ok(Released::NoProduct),
        Some(None) => {
            let never_made = Reservation::never_made(product_id, key);
            never_made.insert(connection)?;
            return Ok(Released::Now(never_made));
        }
        Some(Some(found)) if found.status == Status::Released => return Ok(Released::Now(found)),
        Some(Some(held)) => held,
    };
    let give_back =
        "UPDATE product SET stock = stock + :quantity WHERE id = :id AND stock <= :most - :quantity";
    let given = connection.prepare_cached(give_back)?.execute(named_params! {
        ":id": product_id,
        ":quantity": held.quantity,
        ":most": MAX_SAFE_INTEGER,
    })?;
    if given == 0 {
        return Ok(Released::TooMuchStock);
    }
    connection
        .prepare_cached("UPDATE reservation SET status = 'RELEASED' WHERE product_id = :id AND key = :key")?
        .execute(named_params! { ":id": product_id, ":key": held.key })?;
    Ok(Released::Now(Reservation { status: Status::Released, ..held }))
}

impl ToSql for Status {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}

impl FromSql for Status {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::of_name(value.as_str()?).ok_or(FromSqlError::InvalidType)
    }
}

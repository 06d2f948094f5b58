//! Every SQL statement about reservations, for PostgreSQL.
//!
//! The row of the product is locked first, so that reservations of the same product run one after the other.

use chassis::{
    storage::postgres::{Connection, Error, Row},
    values::{Id, Key, MAX_SAFE_INTEGER, Quantity},
};

use super::reservation::{Made, Released, Reservation, Status};

/// The migration that added reservations. A quantity of 0 is that of one which was released before it was made. The
/// key comes first, since those of orders grow with time, so that their index grows at its end.
pub(crate) const TABLE: &str = r#"
    CREATE TABLE reservation (
        product_id bigint NOT NULL CHECK (product_id >= 1),
        key        text   COLLATE "C" NOT NULL CHECK (key <> ''),
        quantity   bigint NOT NULL CHECK (quantity >= 0),
        status     text   NOT NULL CHECK (status = 'HELD' AND quantity >= 1 OR status = 'RELEASED'),
        PRIMARY KEY (key, product_id)
    );
"#;

impl Reservation {
    fn of_row(row: &Row) -> Result<Self, Error> {
        let status = Status::of_name(row.try_get(3)?).ok_or(Error::Value("the status of a reservation"))?;
        Ok(Self { product_id: row.try_get(0)?, key: row.try_get(1)?, quantity: row.try_get(2)?, status })
    }
}

async fn insert(connection: &Connection, reservation: &Reservation) -> Result<(), Error> {
    let Reservation { product_id, key, quantity, status } = reservation;
    let insert = "INSERT INTO reservation (product_id, key, quantity, status) VALUES ($1, $2, $3, $4)";
    connection.execute(insert, &[product_id, key, quantity, &status.name()]).await.map(drop)
}

pub(super) async fn find(
    connection: &Connection,
    product_id: Id,
    key: &Key,
) -> Result<Option<Option<Reservation>>, Error> {
    let select = "SELECT reservation.product_id, key, quantity, status
                  FROM product LEFT JOIN reservation ON product_id = id AND key = $2 WHERE id = $1";
    let Some(row) = connection.query_opt(select, &[&product_id, key]).await? else { return Ok(None) };
    let is_there = row.try_get::<_, Option<Id>>(0)?.is_some();
    Ok(Some(is_there.then(|| Reservation::of_row(&row)).transpose()?))
}

/// The reservation of a product, locked until the end of the transaction.
async fn lock(
    connection: &Connection,
    product_id: Id,
    key: &Key,
) -> Result<Option<Option<Reservation>>, Error> {
    let lock = "SELECT id FROM product WHERE id = $1 FOR UPDATE";
    match connection.query_opt(lock, &[&product_id]).await? {
        Some(_) => find(connection, product_id, key).await,
        None => Ok(None),
    }
}

pub(super) async fn make(
    connection: &Connection,
    product_id: Id,
    key: &Key,
    quantity: Quantity,
) -> Result<Made, Error> {
    match lock(connection, product_id, key).await? {
        None => return Ok(Made::NoProduct),
        Some(None) => {}
        Some(Some(found)) => return Ok(found.made_again(quantity)),
    }
    let take = "UPDATE product SET stock = stock - $2 WHERE id = $1 AND stock >= $2";
    if connection.execute(take, &[&product_id, &quantity]).await? == 0 {
        return Ok(Made::NotEnoughStock);
    }
    let reservation = Reservation::held(product_id, key.clone(), quantity);
    insert(connection, &reservation).await?;
    Ok(Made::Now(reservation))
}

pub(super) async fn release(connection: &Connection, product_id: Id, key: &Key) -> Result<Released, Error> {
    let held = match lock(connection, product_id, key).await? {
        None => return Ok(Released::NoProduct),
        Some(None) => {
            let never_made = Reservation::never_made(product_id, key.clone());
            insert(connection, &never_made).await?;
            return Ok(Released::Now(never_made));
        }
        Some(Some(found)) if found.status == Status::Released => return Ok(Released::Now(found)),
        Some(Some(held)) => held,
    };
    let give_back =
        "UPDATE product SET stock = stock + $2 WHERE id = $1 AND stock <= $3::bigint - $2::bigint";
    if connection.execute(give_back, &[&product_id, &held.quantity, &MAX_SAFE_INTEGER]).await? == 0 {
        return Ok(Released::TooMuchStock);
    }
    let release = "UPDATE reservation SET status = 'RELEASED' WHERE product_id = $1 AND key = $2";
    connection.execute(release, &[&product_id, &held.key]).await?;
    Ok(Released::Now(Reservation { status: Status::Released, ..held }))
}

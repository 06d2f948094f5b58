//! Every SQL statement of the orders service, for PostgreSQL.
//!
//! Several instances share the table of intents. Each intent names the instance that opened it, which settles it if its order
//! fails; once its request can no longer be in flight, any instance may settle it, since the one that opened it may be gone.

use chassis::{
    api::idempotency,
    storage::postgres::{Connection, Error, Row, Schema},
    values::{Id, Key},
};

use super::order::{Content, Intent, Order, Owner};

/// No order is ever deleted, and a sequence gives no number twice.
pub(super) const SCHEMA: Schema = Schema {
    migrations: &[
        "
        CREATE TABLE purchase_order (
            id         bigint GENERATED ALWAYS AS IDENTITY (MAXVALUE 9007199254740991) PRIMARY KEY,
            product_id bigint NOT NULL CHECK (product_id >= 1),
            quantity   bigint NOT NULL CHECK (quantity >= 1),
            status     text   NOT NULL CHECK (status = 'PENDING')
        );
        ",
        idempotency::POSTGRES_TABLE,
        INTENTS,
        NO_OWNER,
    ],
};

/// The migration that added intents, and the reservations of orders. An intent is `OPEN` until it becomes an order, which no
/// intent that is `RELEASING` does.
const INTENTS: &str = r#"
    CREATE TABLE intent (
        key        text        COLLATE "C" PRIMARY KEY,
        product_id bigint      NOT NULL CHECK (product_id >= 1),
        quantity   bigint      NOT NULL CHECK (quantity >= 1),
        state      text        NOT NULL CHECK (state IN ('OPEN', 'RELEASING')),
        owner      text        NOT NULL,
        opened_at  timestamptz NOT NULL DEFAULT now()
    );
    CREATE TABLE order_reservation (
        order_id bigint PRIMARY KEY,
        key      text   NOT NULL
    );
"#;

/// The migration that let intents have no owner, as those have that come from a file.
const NO_OWNER: &str = "ALTER TABLE intent ALTER COLUMN owner SET DEFAULT ''";

impl Order {
    fn of_row(row: &Row) -> Result<Self, Error> {
        let content = Content { product_id: row.try_get(1)?, quantity: row.try_get(2)? };
        Ok(Self { id: row.try_get(0)?, content })
    }
}

impl Intent {
    fn of_row(row: &Row) -> Result<Self, Error> {
        let content = Content { product_id: row.try_get(1)?, quantity: row.try_get(2)? };
        Ok(Self { key: row.try_get(0)?, content })
    }
}

pub(super) async fn get(connection: &Connection, id: Id) -> Result<Option<Order>, Error> {
    let select = "SELECT id, product_id, quantity FROM purchase_order WHERE id = $1";
    connection.query_opt(select, &[&id]).await?.as_ref().map(Order::of_row).transpose()
}

/// The order with each of these ids.
pub(super) async fn get_all(connection: &Connection, ids: Vec<Id>) -> Result<Vec<Option<Order>>, Error> {
    let select = "SELECT id, product_id, quantity FROM purchase_order WHERE id = ANY($1)";
    connection.query_by_id(select, &ids, Order::of_row).await
}

pub(super) async fn insert(connection: &Connection, content: Content) -> Result<Order, Error> {
    let insert = "INSERT INTO purchase_order (product_id, quantity, status) VALUES ($1, $2, 'PENDING')
                  RETURNING id";
    let row = connection.query_one(insert, &[&content.product_id, &content.quantity]).await?;
    Ok(Order { id: row.try_get(0)?, content })
}

/// Inserts all of them in one statement, and returns them in the same order.
pub(super) async fn insert_all(
    connection: &Connection,
    contents: impl Iterator<Item = Content> + Clone,
) -> Result<Vec<Order>, Error> {
    let products: Vec<_> = contents.clone().map(|content| content.product_id).collect();
    let quantities: Vec<_> = contents.clone().map(|content| content.quantity).collect();
    let insert = "INSERT INTO purchase_order (product_id, quantity, status)
                  SELECT product_id, quantity, 'PENDING'
                  FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS new (product_id, quantity, place)
                  ORDER BY place RETURNING id";
    let ids = connection.insert_in_order(insert, &[&products, &quantities]).await?;
    Ok(ids.into_iter().zip(contents).map(|(id, content)| Order { id, content }).collect())
}

pub(super) async fn open_intent(
    connection: &Connection,
    Intent { key, content }: &Intent,
    owner: &Owner,
) -> Result<(), Error> {
    let insert = "INSERT INTO intent (key, product_id, quantity, state, owner)
                  VALUES ($1, $2, $3, 'OPEN', $4)";
    let Content { product_id, quantity } = content;
    connection.execute(insert, &[key, product_id, quantity, &owner.name]).await.map(drop)
}

/// Makes the order, whose stock is reserved, in one statement.
///
/// # Errors
/// The intent is no longer open, so its reservation may be gone.
pub(super) async fn confirm_intent(
    connection: &Connection,
    Intent { key, content }: &Intent,
) -> Result<Order, Error> {
    let confirm = "WITH closed AS (
                       DELETE FROM intent WHERE key = $1 AND state = 'OPEN' RETURNING product_id, quantity
                   ), made AS (
                       INSERT INTO purchase_order (product_id, quantity, status)
                       SELECT product_id, quantity, 'PENDING' FROM closed RETURNING id
                   )
                   INSERT INTO order_reservation (order_id, key) SELECT id, $1 FROM made RETURNING order_id";
    let row = connection.query_opt(confirm, &[key]).await?;
    let row = row.ok_or(Error::NoRow("the intent of an order is no longer open"))?;
    Ok(Order { id: row.try_get(0)?, content: *content })
}

pub(super) async fn page_intents(
    connection: &Connection,
    after: &str,
    limit: usize,
    owner: &Owner,
) -> Result<Vec<Intent>, Error> {
    let select = "SELECT key, product_id, quantity FROM intent
                  WHERE key > $1 AND (owner = $3 OR opened_at < now() - $4::double precision * interval '1 second')
                  ORDER BY key LIMIT $2";
    let rows =
        connection.query(select, &[&after, &(limit as i64), &owner.name, &owner.lease_seconds()]).await?;
    rows.iter().map(Intent::of_row).collect()
}

pub(super) async fn count_intents(connection: &Connection, owner: &Owner) -> Result<i64, Error> {
    let count = "SELECT count(*) FROM intent
                 WHERE owner = $1 OR opened_at < now() - $2::double precision * interval '1 second'";
    let row = connection.query_one(count, &[&owner.name, &owner.lease_seconds()]).await?;
    Ok(row.try_get(0)?)
}

pub(super) async fn are_intents_left(connection: &Connection) -> Result<bool, Error> {
    Ok(connection.query_one("SELECT EXISTS (SELECT FROM intent)", &[]).await?.try_get(0)?)
}

pub(super) async fn give_up_intents(
    connection: &Connection,
    intents: &[Intent],
) -> Result<Vec<Intent>, Error> {
    let give_up = "UPDATE intent SET state = 'RELEASING' WHERE key = ANY($1) RETURNING key";
    let keys: Vec<&str> = intents.iter().map(|intent| intent.key.as_str()).collect();
    let rows = connection.query(give_up, &[&keys]).await?;
    let given_up: Vec<Key> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    Ok(intents.iter().filter(|intent| given_up.contains(&intent.key)).cloned().collect())
}

pub(super) async fn remove_intents(connection: &Connection, keys: &[Key]) -> Result<(), Error> {
    let keys: Vec<&str> = keys.iter().map(Key::as_str).collect();
    connection.execute("DELETE FROM intent WHERE key = ANY($1)", &[&keys]).await.map(drop)
}

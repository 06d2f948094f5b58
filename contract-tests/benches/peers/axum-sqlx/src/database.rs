//! The pool of connections, and the tables.

use sqlx::{Executor, Pool};

#[cfg(feature = "postgres")]
type Engine = sqlx::Postgres;
#[cfg(not(feature = "postgres"))]
type Engine = sqlx::Sqlite;

#[cfg(feature = "postgres")]
const ID: &str = "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY";
#[cfg(not(feature = "postgres"))]
const ID: &str = "INTEGER PRIMARY KEY";

pub(crate) struct Database(Pool<Engine>);

impl Database {
    pub(crate) async fn open(url: &str) -> sqlx::Result<Self> {
        let pool = connect(url).await?;
        let tables = [
            format!("product (id {ID}, name text NOT NULL, price text NOT NULL, stock bigint NOT NULL)"),
            format!(
                "purchase_order (id {ID}, product_id bigint NOT NULL, quantity bigint NOT NULL, status text NOT NULL)"
            ),
            format!(
                "payment (id {ID}, order_id bigint NOT NULL, amount text NOT NULL, method text NOT NULL, status text NOT NULL)"
            ),
        ];
        for table in tables {
            pool.execute(format!("CREATE TABLE IF NOT EXISTS {table}").as_str()).await?;
        }
        Ok(Self(pool))
    }

    pub(crate) fn pool(&self) -> &Pool<Engine> {
        &self.0
    }
}

#[cfg(feature = "postgres")]
async fn connect(url: &str) -> sqlx::Result<Pool<Engine>> {
    Pool::connect(url).await
}

/// A write is durable before its response, as in the store: `synchronous` is `FULL`.
#[cfg(not(feature = "postgres"))]
async fn connect(url: &str) -> sqlx::Result<Pool<Engine>> {
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

    let options = url
        .parse::<SqliteConnectOptions>()?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    Pool::connect_with(options).await
}

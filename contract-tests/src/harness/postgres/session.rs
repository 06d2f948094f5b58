//! A connection of a test to a PostgreSQL server.

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls, Row};

/// A connection to a database, which runs one statement after the other.
pub struct Session {
    runtime: Runtime,
    client: Client,
}

impl Session {
    /// A connection to the database at `url`.
    ///
    /// # Panics
    /// There is none.
    pub fn at(url: &str) -> Self {
        Self::try_at(url).expect("a connection to PostgreSQL")
    }

    /// The same.
    ///
    /// # Errors
    /// There is none.
    pub fn try_at(url: &str) -> Result<Self, tokio_postgres::Error> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            tokio::spawn(connection);
            Ok::<_, tokio_postgres::Error>(client)
        })?;
        Ok(Self { runtime, client })
    }

    /// Runs statements.
    ///
    /// # Panics
    /// One fails.
    pub fn execute(&mut self, statements: &str) {
        self.try_execute(statements).unwrap_or_else(|error| panic!("{statements}: {error:?}"));
    }

    /// The same.
    ///
    /// # Errors
    /// One fails.
    pub fn try_execute(&mut self, statements: &str) -> Result<(), tokio_postgres::Error> {
        self.runtime.block_on(self.client.batch_execute(statements))
    }

    /// The rows that a statement returns.
    ///
    /// # Panics
    /// It fails.
    pub fn rows(&mut self, statement: &str) -> Vec<Row> {
        self.runtime.block_on(self.client.query(statement, &[])).expect(statement)
    }

    /// The number that a statement returns.
    ///
    /// # Panics
    /// It fails, or returns something else.
    pub fn number(&mut self, statement: &str) -> i64 {
        self.rows(statement)[0].get(0)
    }
}

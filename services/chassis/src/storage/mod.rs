//! The storage of a service: one interface to two engines.
//!
//! A service defines each database operation as a [`Query`], with the SQL for each engine. A [`Database`] runs it.

pub mod copy;
mod schema;
mod error;
pub mod sqlite;
pub mod postgres;
mod query;
mod client;
mod table;

pub use self::{
    error::Error,
    query::Query,
    schema::Schema,
    table::{Column, Kind, Table},
};
use crate::settings::StartupError;

/// A database. Clones share it.
#[derive(Clone)]
pub enum Database {
    /// A file of this machine.
    Sqlite(sqlite::Database),
    /// A server, which other instances of the service use as well.
    Postgres(postgres::Database),
}

impl Database {
    /// Reads a few rows. SQLite reads on the calling thread, which is blocked meanwhile.
    ///
    /// # Errors
    /// The database fails.
    pub async fn read<Q: Query>(&self, query: Q) -> Result<Q::Output, Error> {
        match self {
            Self::Sqlite(database) => Ok(database.read(|connection| query.sqlite(connection))?),
            // Boxed, like the others, since the futures of all requests would be larger with it.
            Self::Postgres(database) => Ok(Box::pin(database.read(query)).await?),
        }
    }

    /// Reads what many ask for at once, such as the row with an id. On PostgreSQL, those who wait share a statement.
    ///
    /// # Errors
    /// The database fails.
    pub async fn read_in_group<Q>(&self, query: Q) -> Result<Q::Output, Error>
    where
        Q: Query + Send + Sync + 'static,
        Q::Output: Send + 'static,
    {
        match self {
            Self::Sqlite(database) => Ok(database.read(|connection| query.sqlite(connection))?),
            Self::Postgres(database) => Ok(Box::pin(database.read_in_group(query)).await?),
        }
    }

    /// Reads many rows. SQLite reads on a thread for blocking work.
    ///
    /// # Errors
    /// The database fails.
    pub async fn read_much<Q>(&self, query: Q) -> Result<Q::Output, Error>
    where
        Q: Query + Send + Sync + 'static,
        Q::Output: Send + 'static,
    {
        match self {
            Self::Sqlite(database) => {
                Ok(database.read_much(move |connection| query.sqlite(connection)).await?)
            }
            Self::Postgres(database) => Ok(Box::pin(database.read(query)).await?),
        }
    }

    /// Writes in a transaction, and returns when it is on disk. If the query fails, all of it is rolled back.
    ///
    /// Dropping the future cancels the write, unless it has begun.
    ///
    /// # Errors
    /// The query fails, the commit fails, or too many writes are queued.
    pub async fn write<Q>(&self, query: Q) -> Result<Q::Output, Error>
    where
        Q: Query + Send + Sync + 'static,
        Q::Output: Send + 'static,
    {
        match self {
            Self::Sqlite(database) => Ok(database.write(move |connection| query.sqlite(connection)).await?),
            Self::Postgres(database) => Ok(Box::pin(database.write(query)).await?),
        }
    }

    /// Connects to a server, and migrates its database. A file is open already.
    ///
    /// # Errors
    /// It cannot be used. The error says why, and what to do.
    pub(crate) async fn start(&self) -> Result<(), StartupError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(database) => database.start().await,
        }
    }

    /// Checks that it can be read and written.
    ///
    /// # Errors
    /// It cannot.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        match self {
            Self::Sqlite(database) => Ok(database.check().await?),
            Self::Postgres(database) => Ok(Box::pin(database.check()).await?),
        }
    }

    /// Brings the metrics of its connections up to date, if it has such.
    pub(crate) fn measure(&self) {
        if let Self::Postgres(database) = self {
            database.measure();
        }
    }

    /// Where it is, for the log.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Sqlite(database) => database.file().display().to_string(),
            Self::Postgres(database) => database.place().to_owned(),
        }
    }
}

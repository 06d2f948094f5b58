//! Errors of a database, for either engine.

use super::{postgres, sqlite};

/// An error of a database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The SQLite file fails.
    #[error("{0}")]
    Sqlite(#[from] sqlite::Error),
    /// The PostgreSQL server fails, or cannot be reached.
    #[error("{0}")]
    Postgres(#[from] postgres::Error),
}

impl Error {
    /// Whether a retry may succeed. If so, nothing was written.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Sqlite(error) => error.is_temporary(),
            Self::Postgres(error) => error.is_temporary(),
        }
    }
}

//! Why a service cannot start with its database, in a sentence for the operator.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use crate::{
    settings::StartupError,
    storage::client::{Error, describe},
};

/// Why a service cannot start with its database.
pub(super) enum Problem {
    /// There is no connection.
    Connection(PoolError),
    /// A statement fails.
    Statement(Error),
    /// A migration fails.
    Migration { from: usize, to: usize, error: Error },
    /// It was migrated by a later release.
    Newer { version: usize, known: usize },
    /// It has a version that no release writes.
    Version(i64),
    /// It belongs to another service.
    Foreign(String),
    /// It is an unfinished copy.
    Unfinished,
    /// It cannot hold every text.
    Encoding(String),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Statement(error)
    }
}

impl Problem {
    /// What is wrong with the database at `place`, whose URL `source` sets, and what to do.
    pub(super) fn explain(self, place: &str, source: &str) -> StartupError {
        StartupError::new(match self {
            Self::Connection(PoolError::Timeout(_)) => {
                format!("{place} does not respond: start the database, or set {source} to where it is.")
            }
            Self::Connection(PoolError::Backend(error)) => {
                let reason = describe(&error);
                match error.code() {
                    Some(&SqlState::INVALID_CATALOG_NAME) => {
                        format!(
                            "{place} does not exist ({reason}): create the database, or set {source} to another."
                        )
                    }
                    Some(&(SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION)) => {
                        format!("{place} refuses the user or the password ({reason}): correct {source}.")
                    }
                    Some(_) => format!(
                        "{place} refuses the connection ({reason}): correct {source}, or the database."
                    ),
                    None => format!(
                        "{place} cannot be reached ({reason}): start the database, or set {source} to where it is."
                    ),
                }
            }
            Self::Connection(error) => format!("{place} cannot be reached: {error}."),
            Self::Statement(Error::Statement(error))
                if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) =>
            {
                format!(
                    "{place} denies the user of {source} a required permission ({}): make that user the owner of the database.",
                    describe(&error)
                )
            }
            Self::Statement(Error::Statement(error))
                if error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION) =>
            {
                format!(
                    "{place} is read-only: add target_session_attrs=read-write and the other hosts to {source}."
                )
            }
            Self::Statement(error) => {
                format!("{place} cannot be used ({error}): correct the database or {source}.")
            }
            Self::Migration { from, to, error } => format!(
                "{place} could not be migrated from version {from} to {to} ({error}), and was not changed: use the \
                 previous version of this program, and report this."
            ),
            Self::Newer { version, known } => format!(
                "{place} has version {version}, and this program supports versions up to {known}: use a newer \
                 program, or set {source} to another database."
            ),
            Self::Version(version) => format!(
                "{place} has version {version}, which no release writes: restore its table schema_version from a \
                 backup, or set {source} to another database."
            ),
            Self::Foreign(owner) => {
                format!("{place} belongs to {owner}: set {source} to a database of its own.")
            }
            Self::Unfinished => format!(
                "{place} is an unfinished copy: run the same `store copy` command again, or drop and create the database."
            ),
            Self::Encoding(encoding) => format!(
                "{place} has the encoding {encoding}, which cannot hold every text: create the database with the encoding UTF8."
            ),
        })
    }
}

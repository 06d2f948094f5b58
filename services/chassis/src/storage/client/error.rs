//! Errors of the database.

use std::sync::Arc;

use deadpool_postgres::{PoolError, TimeoutType};
use tokio_postgres::error::{DbError, Severity, SqlState};

/// An error of the database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A statement failed, or the connection did.
    #[error("{}", describe(.0))]
    Statement(#[from] tokio_postgres::Error),
    /// There is no connection.
    #[error("no connection to the database: {0}")]
    NotConnected(String),
    /// All connections are in use.
    #[error("all connections to the database are in use")]
    Busy,
    /// The connection ended before the commit, so that nothing was written.
    #[error("the connection ended before the commit: {0}")]
    Interrupted(String),
    /// The deadline was over before the commit, so that nothing was written.
    #[error("cancelled at the deadline of the request")]
    Cancelled,
    /// The connection ended during the commit, or the server says so.
    #[error("it is not known whether the transaction was committed: {0}")]
    Unknown(String),
    /// Another transaction was first with what this one was about to store. It is to be tried again.
    #[error("another transaction was first")]
    Conflict,
    /// A stored value is none that the service stores.
    #[error("a stored value is out of range: {0}")]
    Value(&'static str),
    /// The database takes no writes.
    #[error("the database is read-only")]
    ReadOnly,
    /// There is no row where there has to be one.
    #[error("no such row: {0}")]
    NoRow(&'static str),
    /// A statement for several queries failed, or the connection for them.
    #[error("{0}")]
    Shared(Arc<Self>),
    /// The write panicked.
    #[error("the write panicked")]
    Panicked,
    /// The service is stopping.
    #[error("the database is being closed")]
    Stopped,
}

impl Error {
    /// Whether a retry may succeed. If so, nothing was written.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Shared(error) => error.is_temporary(),
            Self::NotConnected(_) | Self::Busy | Self::Interrupted(_) | Self::Cancelled => true,
            Self::Conflict | Self::ReadOnly | Self::Stopped => true,
            Self::Unknown(_) | Self::Value(_) | Self::NoRow(_) | Self::Panicked => false,
            // Without a code it is the connection, or what was sent or stored, which stays as it is.
            Self::Statement(error) => error.code().map_or_else(|| is_of_connection(error), is_of_the_moment),
        }
    }

    /// Whether the same transaction is to be tried again at once.
    pub(in crate::storage) fn is_repeatable(&self) -> bool {
        match self {
            Self::Conflict | Self::Interrupted(_) => true,
            Self::Statement(error) => {
                let again = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
                error.code().is_some_and(|code| again.contains(code))
            }
            _ => false,
        }
    }

    /// Whether the server cannot do now what any other statement asks for either: it takes no writes, or lacks room.
    pub(in crate::storage) fn is_of_server(&self) -> bool {
        let of_class_53 =
            |error: &tokio_postgres::Error| error.code().is_some_and(|code| code.code().starts_with("53"));
        self.is_read_only() || matches!(self, Self::Statement(error) if of_class_53(error))
    }

    /// Whether the disk of the server is full.
    pub(in crate::storage) fn is_of_full_disk(&self) -> bool {
        match self {
            Self::Shared(error) => error.is_of_full_disk(),
            Self::Statement(error) => error.code() == Some(&SqlState::DISK_FULL),
            _ => false,
        }
    }

    /// Whether the server is a standby now, so that other connections may lead to the primary.
    pub(in crate::storage) fn is_read_only(&self) -> bool {
        let code = &SqlState::READ_ONLY_SQL_TRANSACTION;
        matches!(self, Self::Statement(error) if error.code() == Some(code))
    }

    /// Whether the server was asked to end this statement.
    pub(in crate::storage) fn is_cancellation(&self) -> bool {
        matches!(self, Self::Statement(error) if error.code() == Some(&SqlState::QUERY_CANCELED))
    }

    /// The same error of a statement during which the transaction was not committed.
    pub(in crate::storage) fn before_commit(self) -> Self {
        match self {
            Self::Statement(error) if has_ended_connection(&error) => Self::Interrupted(describe(&error)),
            error => error,
        }
    }

    /// The same error of a statement that commits.
    pub(in crate::storage) fn of_commit(self) -> Self {
        match self {
            Self::Statement(error) if has_ended_connection(&error) || is_unknown(&error) => {
                Self::Unknown(describe(&error))
            }
            error => error,
        }
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Timeout(TimeoutType::Wait) => Self::Busy,
            PoolError::Timeout(_) => Self::NotConnected("it takes too long".to_owned()),
            PoolError::Backend(error) => Self::NotConnected(describe(&error)),
            PoolError::Closed => Self::Stopped,
            error => Self::NotConnected(error.to_string()),
        }
    }
}

/// Whether the connection has ended with this error, so that the server has not said what became of the statement.
fn has_ended_connection(error: &tokio_postgres::Error) -> bool {
    let is_fatal =
        |error: &DbError| matches!(error.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
    error.as_db_error().map_or_else(|| error.code().is_none() && is_of_connection(error), is_fatal)
}

/// Whether the server itself does not know what became of the transaction.
fn is_unknown(error: &tokio_postgres::Error) -> bool {
    let codes = [SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN, SqlState::TRANSACTION_RESOLUTION_UNKNOWN];
    error.code().is_some_and(|code| codes.contains(code))
}

/// Whether it is an error of the connection, and not of a value.
fn is_of_connection(error: &tokio_postgres::Error) -> bool {
    error.is_closed() || std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>())
}

/// Whether a statement that failed with this code may succeed later (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn is_of_the_moment(code: &SqlState) -> bool {
    let classes = ["08", "40", "53", "57"];
    let codes = [SqlState::LOCK_NOT_AVAILABLE, SqlState::READ_ONLY_SQL_TRANSACTION];
    classes.iter().any(|class| code.code().starts_with(class)) || codes.contains(code)
}

/// The message of the server, or why the connection failed.
pub(in crate::storage) fn describe(error: &tokio_postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        return format!("{} (SQLSTATE {})", error.message(), error.code().code());
    }
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_succeed_later_and_has_written_nothing_is_temporary() {
        for code in ["08006", "25006", "40001", "40P01", "53100", "53300", "55P03", "57014", "57P01"] {
            assert!(is_of_the_moment(&SqlState::from_code(code)), "{code}");
        }
        for code in ["22003", "23514", "25001", "42P01", "55000", "XX000"] {
            assert!(!is_of_the_moment(&SqlState::from_code(code)), "{code}");
        }
        let (down, late) = (Error::NotConnected("it is down".into()), Error::Cancelled);
        for error in [down, late, Error::Busy, Error::Conflict, Error::ReadOnly, Error::Stopped] {
            assert!(error.is_temporary(), "{error}");
            assert!(Error::Shared(Arc::new(error)).is_temporary());
        }
        let (unknown, value) = (Error::Unknown("it ended".into()), Error::Value("a number"));
        for error in [unknown, value, Error::NoRow("a row"), Error::Panicked] {
            assert!(!error.is_temporary(), "{error}");
            assert!(!Error::Shared(Arc::new(error)).is_temporary());
        }
    }

    #[test]
    fn only_a_transaction_that_was_not_committed_is_repeated() {
        let (ended, unknown) = (Error::Interrupted("it ended".into()), Error::Unknown("it ended".into()));
        assert!(ended.is_repeatable() && Error::Conflict.is_repeatable());
        assert!(
            !unknown.is_repeatable() && !Error::Cancelled.is_repeatable() && !Error::Busy.is_repeatable()
        );
    }
}

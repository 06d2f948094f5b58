//! Errors of the database.

use rusqlite::ErrorCode;

/// An error of the database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite failed.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The write succeeded, but its transaction could not be committed.
    #[error("the transaction was not committed: {0}")]
    NotCommitted(
        String,
        /// Whether a retry may succeed.
        bool,
    ),
    /// The write panicked.
    #[error("the write panicked")]
    Panicked,
    /// The queue of writes is full.
    #[error("too many writes are queued")]
    Busy,
    /// The file was deleted or replaced, so that new writes would be lost.
    #[error("{0} is gone, or another file is in its place")]
    Vanished(String),
    /// The last write failed, or takes too long.
    #[error("writes fail: {0}")]
    Unwritable(String),
    /// The database is closing.
    #[error("the database is being closed")]
    Stopped,
    /// The writer thread has ended. Nothing can be written until the service is restarted.
    #[error("the writer thread has ended")]
    NoWriter,
}

impl Error {
    /// Whether a retry may succeed: another program holds the lock, or the queue is full.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Busy | Self::Stopped | Self::Unwritable(_) => true,
            Self::Sqlite(cause) => {
                matches!(cause.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
            }
            Self::NotCommitted(_, is_temporary) => *is_temporary,
            Self::Vanished(_) | Self::Panicked | Self::NoWriter => false,
        }
    }
}

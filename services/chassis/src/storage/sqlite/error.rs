//! Why the database did not do what it was asked.

use rusqlite::ErrorCode;

/// Why the database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite failed.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The write went well, but the transaction that it belonged to could not be committed.
    #[error("the transaction was not committed: {0}")]
    NotCommitted(
        String,
        /// Whether it is a matter of waiting.
        bool,
    ),
    /// The write panicked.
    #[error("the write panicked")]
    Panicked,
    /// More writes are queued than the writer takes on.
    #[error("too many writes are queued")]
    Busy,
    /// The file is not where it was: what is written now would be lost.
    #[error("{0} is gone, or another file is in its place")]
    Vanished(String),
    /// The service stops.
    #[error("the database is being closed")]
    Stopped,
    /// The thread that writes is gone: nothing can be written until the service is started again.
    #[error("the thread that writes is gone")]
    NoWriter,
}

impl Error {
    /// Whether it is a matter of waiting, not a fault: another program holds the file, or there is too much to do.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Busy | Self::Stopped => true,
            Self::Sqlite(cause) => {
                matches!(cause.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
            }
            Self::NotCommitted(_, is_temporary) => *is_temporary,
            Self::Vanished(_) | Self::Panicked | Self::NoWriter => false,
        }
    }
}

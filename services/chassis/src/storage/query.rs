//! What a service asks of its database.

/// Something that is read or written, with its SQL for each engine.
pub trait Query {
    /// What it returns.
    type Output;

    /// Runs it on SQLite: a read in a snapshot, a write in a transaction.
    ///
    /// # Errors
    /// SQLite fails. A write is rolled back then.
    fn sqlite(self, connection: &rusqlite::Connection) -> rusqlite::Result<Self::Output>;
}

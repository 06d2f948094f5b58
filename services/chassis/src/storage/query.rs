//! A database operation of a service, for each engine.

use super::client::{Connection, Error};

/// Something that is read or written, with its SQL for each engine.
pub trait Query {
    /// What it returns.
    type Output;

    /// Runs it on SQLite: a read in a snapshot, a write in a transaction.
    ///
    /// # Errors
    /// SQLite fails. A write is rolled back then.
    fn sqlite(self, connection: &rusqlite::Connection) -> rusqlite::Result<Self::Output>;

    /// Runs it on PostgreSQL: a write in a transaction, and possibly more than once, if the server asks for that.
    ///
    /// # Errors
    /// A statement fails. A write is rolled back then.
    fn postgres(&self, connection: &Connection) -> impl Future<Output = Result<Self::Output, Error>> + Send;

    /// Whether a write is one statement on PostgreSQL, which needs no transaction around it.
    fn is_one_statement(&self) -> bool {
        false
    }

    /// Whether a write may share a transaction on PostgreSQL with others of its type that wait, which it may if none of them waits for
    /// a lock that another one holds.
    fn is_grouped(&self) -> bool {
        false
    }

    /// Runs several on PostgreSQL, and returns the output of each, in their order. It pays if one statement does for all of them.
    ///
    /// # Errors
    /// One of them fails. A write is rolled back then, and each runs alone.
    fn postgres_all(
        queries: &[&Self],
        connection: &Connection,
    ) -> impl Future<Output = Result<Vec<Self::Output>, Error>> + Send
    where
        Self: Sync,
        Self::Output: Send,
    {
        async move {
            let mut outputs = Vec::with_capacity(queries.len());
            for query in queries {
                outputs.push(query.postgres(connection).await?);
            }
            Ok(outputs)
        }
    }
}

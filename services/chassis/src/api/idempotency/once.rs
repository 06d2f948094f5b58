//! The queries of a request with a key: whether there is a response, and the creation with its response.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{
    postgres,
    sqlite::{self, Clock},
    stored::{Entry, StoredResponse},
};
use crate::{
    api::responses::Created,
    error::ApiError,
    storage::{
        Query,
        postgres::{Connection, Error},
    },
};

/// A request with a key. The key is in flight until this is dropped.
pub(super) struct PendingCreate {
    pub(super) operation: &'static str,
    pub(super) key: String,
    /// The request in a canonical form, so that white space and the order of fields do not matter.
    pub(super) request: String,
    pub(super) keep: Duration,
    pub(super) clock: Arc<Clock>,
    pub(super) in_flight: Arc<Mutex<HashSet<String>>>,
}

impl PendingCreate {
    fn entry<'a>(&'a self, (location, body): (&'a str, &'a [u8])) -> Entry<'a> {
        Entry { operation: self.operation, key: &self.key, request: &self.request, location, body }
    }
}

impl Drop for PendingCreate {
    fn drop(&mut self) {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// Looks for the stored response.
pub(super) struct Find<'a>(pub(super) &'a PendingCreate);

impl Query for Find<'_> {
    type Output = Option<StoredResponse>;

    fn sqlite(self, connection: &rusqlite::Connection) -> rusqlite::Result<Self::Output> {
        sqlite::find(connection, self.0.operation, &self.0.key)
    }

    async fn postgres(&self, connection: &Connection) -> Result<Self::Output, Error> {
        postgres::find(connection, self.0.operation, &self.0.key).await
    }
}

/// Inserts a row and stores the response, unless there is one already.
pub(super) struct Once<Insert, Row, T, const TAGGED: bool> {
    pub(super) pending: Arc<PendingCreate>,
    pub(super) insert: Insert,
    pub(super) created: fn(Row) -> Created<T, TAGGED>,
    /// Whether it was tried before.
    pub(super) is_repeated: AtomicBool,
}

impl<Insert, Row, T, const TAGGED: bool> Query for Once<Insert, Row, T, TAGGED>
where
    Insert: Query<Output = Row> + Sync,
    Row: Send,
    T: Send,
{
    /// The request is in it, so that its key is in flight until the commit.
    type Output = (Arc<PendingCreate>, Result<Created<T, TAGGED>, ApiError>);

    fn sqlite(self, connection: &rusqlite::Connection) -> rusqlite::Result<Self::Output> {
        let Self { pending, insert, created, .. } = self;
        let outcome = match sqlite::find(connection, pending.operation, &pending.key)? {
            Some(stored) => stored.replay(&pending.request).map(Created::replayed),
            None => {
                let created = created(insert.sqlite(connection)?);
                let entry = pending.entry(created.stored());
                sqlite::store(connection, &entry, &pending.clock, pending.keep)?;
                Ok(created)
            }
        };
        Ok((pending, outcome))
    }

    async fn postgres(&self, connection: &Connection) -> Result<Self::Output, Error> {
        let Self { pending, insert, created, is_repeated } = self;
        // The first time, none was found just now. If one was stored since then, it is a conflict.
        let stored = match is_repeated.swap(true, Relaxed) {
            true => postgres::find(connection, pending.operation, &pending.key).await?,
            false => None,
        };
        let outcome = match stored {
            Some(stored) => stored.replay(&pending.request).map(Created::replayed),
            None => {
                let created = created(insert.postgres(connection).await?);
                let (location, body) = created.stored();
                let (location, body) = (location.to_owned(), body.to_owned());
                postgres::store(connection, &pending.entry((&location, &body)), pending.keep).await?;
                Ok(created)
            }
        };
        Ok((pending.clone(), outcome))
    }
}

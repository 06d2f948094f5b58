//! Creates that happen once, however often the request is sent: the `Idempotency-Key` header
//! (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>).
//!
//! The first response is stored in the transaction that creates the row, so neither exists without the other, and that
//! transaction decides which request comes first. A key in flight is kept in memory until the commit, even if its caller hangs
//! up. A response is stored only if the request created something.

mod once;
mod postgres;
mod sqlite;
mod stored;
mod errors;
mod key;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use serde::Serialize;

pub(crate) use self::key::HEADER;
pub use self::{
    errors::{IN_PROGRESS, KEY_REUSED, WITH_KEY},
    key::IdempotencyKey,
    postgres::TABLE as POSTGRES_TABLE,
    sqlite::TABLE,
};
use self::{
    once::{Find, Once, PendingCreate},
    sqlite::Clock,
};
use super::responses::Created;
use crate::{
    error::ApiError,
    storage::{Database, Kind, Query, Table},
};

/// The table of stored responses, for the schema of a service.
pub const STORED_RESPONSES: Table = Table::with_key(
    "stored_response",
    2,
    &[
        ("operation", Kind::Text),
        ("key", Kind::Text),
        ("request", Kind::Text),
        ("location", Kind::Text),
        ("body", Kind::Bytes),
        ("stored_at", Kind::Time),
    ],
);

/// The keys of one operation, with their stored responses.
#[derive(Clone)]
pub struct Keys {
    database: Database,
    operation: &'static str,
    clock: Arc<Clock>,
    keep: Duration,
    in_flight: Arc<Mutex<HashSet<String>>>,
}

impl Keys {
    /// The keys of `operation`, which inserts into `database`. Responses are stored for at least `keep`.
    pub fn new(database: Database, operation: &'static str, keep: Duration) -> Self {
        Self { database, operation, clock: Arc::new(Clock::start()), keep, in_flight: Arc::default() }
    }

    /// Creates one row for each key. Two requests are the same if `request` is. `prepare` checks the request and returns the
    /// query that inserts the row, and `created` turns the row into the response.
    ///
    /// Without a key, every request creates a row. With a key, the response is stored in the transaction that inserts the row, and
    /// the same request gets it again, even if two are sent at the same time.
    ///
    /// # Errors
    /// `prepare` fails, the key is in flight or belongs to another request, or the database fails.
    pub async fn create_once<Request, Prepared, Insert, T, const TAGGED: bool>(
        &self,
        key: IdempotencyKey,
        request: Request,
        prepare: impl FnOnce(Request) -> Prepared,
        created: fn(Insert::Output) -> Created<T, TAGGED>,
    ) -> Result<Created<T, TAGGED>, ApiError>
    where
        Request: Serialize,
        Prepared: Future<Output = Result<Insert, ApiError>>,
        Insert: Query<Output: Send + 'static> + Send + Sync + 'static,
        T: Send + 'static,
    {
        let Some(key) = key.0 else {
            return Ok(self.database.write(prepare(request).await?).await.map(created)?);
        };
        let pending = self.claim(key, &request)?;
        if let Some(stored) = self.database.read(Find(&pending)).await? {
            return stored.replay(&pending.request).map(Created::replayed);
        }
        let insert = prepare(request).await?;
        let once = Once { pending, insert, created, is_repeated: AtomicBool::new(false) };
        let (_pending, outcome) = self.database.write(once).await?;
        outcome
    }

    fn claim(&self, key: String, request: &impl Serialize) -> Result<Arc<PendingCreate>, ApiError> {
        let request = serde_json::to_string(request).map_err(ApiError::internal)?;
        if !self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone()) {
            return Err(errors::IN_PROGRESS.into());
        }
        let Self { operation, clock, keep, in_flight, .. } = self.clone();
        Ok(Arc::new(PendingCreate { operation, key, request, keep, clock, in_flight }))
    }
}

//! Creating once, however often the request is sent: the `Idempotency-Key` header
//! (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>).
//!
//! The first response is stored in the transaction that creates the row, so neither exists without the other, and that
//! transaction decides which request comes first. A key in flight is kept in memory until the commit, even if its caller hangs
//! up. Responses that created nothing are not stored.

mod key;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use poem::http::StatusCode;
use rusqlite::{Connection, OptionalExtension, named_params};
use serde::Serialize;

pub(crate) use self::key::HEADER;
pub use self::key::IdempotencyKey;
use super::responses::Created;
use crate::{
    error::{ApiError, ErrorMessage},
    storage::sqlite::Database,
};

/// An earlier request had the same key and another body.
pub const KEY_REUSED: ErrorMessage =
    ErrorMessage::new(StatusCode::UNPROCESSABLE_ENTITY, "Idempotency key reused");
/// The first request with the key is still in flight.
pub const IN_PROGRESS: ErrorMessage =
    ErrorMessage::new(StatusCode::CONFLICT, "Request in progress").retryable();

/// The errors of an operation that takes a key.
pub const WITH_KEY: &[ErrorMessage] = &[KEY_REUSED, IN_PROGRESS];

/// The migration that added the table of stored responses, for the schema of a service.
pub const TABLE: &str = "
    CREATE TABLE idempotency (
        key      TEXT    PRIMARY KEY,
        request  TEXT    NOT NULL,
        location TEXT    NOT NULL,
        answer   BLOB    NOT NULL,
        kept_at  INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX idempotency_kept_at ON idempotency (kept_at);
";

/// The migration after [`TABLE`]: stored responses belong to an operation, and existing ones to `$operation`.
#[macro_export]
macro_rules! stored_responses_of {
    ($operation:literal) => {
        concat!(
            "CREATE TABLE stored_response (
                operation TEXT    NOT NULL,
                key       TEXT    NOT NULL,
                request   TEXT    NOT NULL,
                location  TEXT    NOT NULL,
                body      BLOB    NOT NULL,
                stored_at INTEGER NOT NULL,
                PRIMARY KEY (operation, key)
            ) STRICT, WITHOUT ROWID;
            CREATE INDEX stored_response_stored_at ON stored_response (stored_at);
            INSERT INTO stored_response
                SELECT '",
            $operation,
            "', key, request, location, answer, kept_at FROM idempotency;
            DROP TABLE idempotency;"
        )
    };
}

/// How many expired responses are deleted whenever one is stored: more than one, so that their number shrinks.
const DELETED_AT_ONCE: u32 = 4;

/// The keys of one operation, with their stored responses.
#[derive(Clone)]
pub struct Keys {
    database: Database,
    operation: &'static str,
    clock: Arc<Clock>,
    keep: Duration,
    in_flight: Arc<Mutex<HashSet<String>>>,
}

/// A request with a key. The key is in flight until this is dropped.
struct PendingCreate {
    keys: Keys,
    key: String,
    /// The request in a canonical form, so that white space and the order of fields do not matter.
    request: String,
}

impl Drop for PendingCreate {
    fn drop(&mut self) {
        self.keys.in_flight.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl Keys {
    /// The keys of `operation`, which inserts into `database`. Responses are stored for at least `keep`.
    pub fn new(database: Database, operation: &'static str, keep: Duration) -> Self {
        Self { database, operation, clock: Arc::new(Clock::start()), keep, in_flight: Arc::default() }
    }

    /// Creates one row for each key. Two requests are the same if `request` is. `prepare` checks the request and returns the
    /// function that inserts the row, and `created` turns the row into the response.
    ///
    /// Without a key, every request creates a row. With a key, the response is stored in the transaction that inserts the row, and
    /// the same request gets it again, even if two are sent at the same time.
    ///
    /// # Errors
    /// `prepare` fails, the key is in flight or belongs to another request, or the database fails.
    pub async fn create_once<Request, Prepared, Insert, Row, T, const TAGGED: bool>(
        &self,
        key: IdempotencyKey,
        request: Request,
        prepare: impl FnOnce(Request) -> Prepared,
        created: fn(Row) -> Created<T, TAGGED>,
    ) -> Result<Created<T, TAGGED>, ApiError>
    where
        Request: Serialize,
        Prepared: Future<Output = Result<Insert, ApiError>>,
        Row: Send + 'static,
        T: Send + 'static,
        Insert: FnOnce(&Connection) -> rusqlite::Result<Row> + Send + 'static,
    {
        let Some(key) = key.0 else {
            return Ok(self.database.write(prepare(request).await?).await.map(created)?);
        };
        let pending = self.claim(key, &request)?;
        if let Some(stored) = self.database.read(|connection| pending.find(connection))? {
            return stored.replay(&pending.request).map(Created::replayed);
        }
        let insert = prepare(request).await?;
        let write = move |connection: &Connection| {
            let outcome = match pending.find(connection)? {
                Some(stored) => stored.replay(&pending.request).map(Created::replayed),
                None => {
                    let created = created(insert(connection)?);
                    pending.store(connection, created.stored())?;
                    Ok(created)
                }
            };
            // Keeps the key in flight until the commit.
            Ok((pending, outcome))
        };
        let (_pending, outcome) = self.database.write(write).await?;
        outcome
    }

    fn claim(&self, key: String, request: &impl Serialize) -> Result<PendingCreate, ApiError> {
        let request = serde_json::to_string(request).map_err(ApiError::internal)?;
        if !self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone()) {
            return Err(IN_PROGRESS.into());
        }
        Ok(PendingCreate { keys: self.clone(), key, request })
    }
}

impl PendingCreate {
    fn find(&self, connection: &Connection) -> rusqlite::Result<Option<StoredResponse>> {
        connection
            .prepare_cached(
                "SELECT request, location, body FROM stored_response WHERE operation = :operation AND key = :key",
            )?
            .query_row(named_params! { ":operation": self.keys.operation, ":key": self.key }, |row| {
                Ok(StoredResponse {
                    request: row.get("request")?,
                    location: row.get("location")?,
                    body: row.get("body")?,
                })
            })
            .optional()
    }

    /// Stores the response, and deletes some that have expired.
    fn store(&self, connection: &Connection, (location, body): (&str, &[u8])) -> rusqlite::Result<()> {
        let Keys { operation, clock, keep, .. } = &self.keys;
        let now = clock.now(connection)?;
        connection
            .prepare_cached(
                "INSERT INTO stored_response (operation, key, request, location, body, stored_at)
                 VALUES (:operation, :key, :request, :location, :body, :stored_at)",
            )?
            .execute(named_params! {
                ":operation": operation,
                ":key": self.key,
                ":request": self.request,
                ":location": location,
                ":body": body,
                ":stored_at": now.as_secs() as i64,
            })?;
        connection
            .prepare_cached(
                "DELETE FROM stored_response WHERE (operation, key) IN
                 (SELECT operation, key FROM stored_response WHERE stored_at < :oldest
                  ORDER BY stored_at LIMIT :limit)",
            )?
            .execute(named_params! {
                ":oldest": now.saturating_sub(*keep).as_secs() as i64,
                ":limit": DELETED_AT_ONCE,
            })?;
        Ok(())
    }
}

/// A stored response, and the request that it answers.
struct StoredResponse {
    request: String,
    location: String,
    body: Vec<u8>,
}

impl StoredResponse {
    /// The path and the body of the response, if `request` is the same.
    fn replay(self, request: &str) -> Result<(String, Vec<u8>), ApiError> {
        if self.request != request {
            return Err(KEY_REUSED.into());
        }
        Ok((self.location, self.body))
    }
}

/// The time that the service has run, added up over restarts, which is the age of stored responses. A wall clock that jumps, or a
/// machine that sleeps, cannot make a key expire too soon.
struct Clock {
    /// When the newest response was stored, at the start of the service. Read when the next one is stored.
    base: OnceLock<Duration>,
    started: Instant,
}

impl Clock {
    fn start() -> Self {
        Self { base: OnceLock::new(), started: Instant::now() }
    }

    fn now(&self, connection: &Connection) -> rusqlite::Result<Duration> {
        let base = match self.base.get() {
            Some(base) => *base,
            None => {
                let newest = "SELECT coalesce(max(stored_at), 0) FROM stored_response";
                let newest: i64 = connection.query_row(newest, [], |row| row.get(0))?;
                *self.base.get_or_init(|| Duration::from_secs(newest.max(0) as u64))
            }
        };
        Ok(base + self.started.elapsed())
    }
}

//! Creating once, however often it is asked: the `Idempotency-Key` header
//! (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>).
//!
//! The first response is stored in the same transaction as what it created, so there is never one without the other, and
//! that transaction decides whose request it is. A key that is in flight is known in memory until the commit, even if its
//! caller has hung up meanwhile. Responses that created nothing are not stored.

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

/// The key came with another body before.
pub const KEY_REUSED: ErrorMessage =
    ErrorMessage::new(StatusCode::UNPROCESSABLE_ENTITY, "Idempotency key reused");
/// The request that came with the key first is still being worked on.
pub const IN_PROGRESS: ErrorMessage =
    ErrorMessage::new(StatusCode::CONFLICT, "Request in progress").retryable();

/// The errors of an operation that takes a key.
pub const WITH_KEY: &[ErrorMessage] = &[KEY_REUSED, IN_PROGRESS];

/// The migration that made room for responses, to be one of the steps of a service's schema.
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

/// The migration after [`TABLE`]: responses belong to an operation, and those that are there to `$operation`.
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

/// How many old answers are forgotten whenever a new one is kept: more than one, so that they become fewer.
const FORGOTTEN_AT_ONCE: u32 = 4;

/// The keys of one operation, and the responses that are stored for them.
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
    /// The request in one way of writing it, so that white space and how fields are arranged do not matter.
    request: String,
}

impl Drop for PendingCreate {
    fn drop(&mut self) {
        self.keys.in_flight.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl Keys {
    /// The keys of `operation`, which creates what `database` keeps. Responses are stored for `keep` at least.
    pub fn new(database: Database, operation: &'static str, keep: Duration) -> Self {
        Self { database, operation, clock: Arc::new(Clock::start()), keep, in_flight: Arc::default() }
    }

    /// Creates something once for each key. `request` is what makes two requests the same, `prepare` checks whether it may be
    /// created and returns the statement that inserts it, and `created` turns the inserted row into the response.
    ///
    /// Without a key, everything is created. With one, the response is stored in the transaction that inserts the row; the same
    /// request gets it again, whoever else sends it at the same time.
    ///
    /// # Errors
    /// What `prepare` fails with; the key is in flight, or came with another request; the database fails.
    pub async fn create_once<Request, Prepared, Insert, Row, T>(
        &self,
        key: IdempotencyKey,
        request: Request,
        prepare: impl FnOnce(Request) -> Prepared,
        created: fn(Row) -> Created<T>,
    ) -> Result<Created<T>, ApiError>
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
            return stored.replay(&pending.request);
        }
        let insert = prepare(request).await?;
        let write = move |connection: &Connection| {
            let outcome = match pending.find(connection)? {
                Some(stored) => stored.replay(&pending.request),
                None => {
                    let created = created(insert(connection)?);
                    pending.store(connection, &created)?;
                    Ok(created)
                }
            };
            // The key goes along: it is in flight until the commit.
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

    /// Stores the response, and forgets some that are old.
    fn store<T>(&self, connection: &Connection, created: &Created<T>) -> rusqlite::Result<()> {
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
                ":location": created.location(),
                ":body": created.json(),
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
                ":limit": FORGOTTEN_AT_ONCE,
            })?;
        Ok(())
    }
}

/// A response that was given to a request.
struct StoredResponse {
    request: String,
    location: String,
    body: Vec<u8>,
}

impl StoredResponse {
    /// The same response again, if `request` is the same.
    fn replay<T>(self, request: &str) -> Result<Created<T>, ApiError> {
        if self.request != request {
            return Err(KEY_REUSED.into());
        }
        Ok(Created::replayed(self.body, self.location))
    }
}

/// How long the service has run, added up over restarts, by which responses grow old. It cannot be set: neither a wall clock
/// that jumps nor a machine that was asleep makes a key forgotten too soon.
struct Clock {
    /// What the youngest response was stored at when the service started; read when the next one is stored.
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
                let youngest = "SELECT coalesce(max(stored_at), 0) FROM stored_response";
                let youngest: i64 = connection.query_row(youngest, [], |row| row.get(0))?;
                *self.base.get_or_init(|| Duration::from_secs(youngest.max(0) as u64))
            }
        };
        Ok(base + self.started.elapsed())
    }
}

//! Stored responses in SQLite.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OptionalExtension, named_params};

use super::stored::{DELETED_AT_ONCE, Entry, StoredResponse};

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

pub(super) fn find(
    connection: &Connection,
    operation: &str,
    key: &str,
) -> rusqlite::Result<Option<StoredResponse>> {
    connection
        .prepare_cached(
            "SELECT request, location, body FROM stored_response WHERE operation = :operation AND key = :key",
        )?
        .query_row(named_params! { ":operation": operation, ":key": key }, |row| {
            Ok(StoredResponse {
                request: row.get("request")?,
                location: row.get("location")?,
                body: row.get("body")?,
            })
        })
        .optional()
}

/// Stores the response, and deletes some that are older than `keep`.
pub(super) fn store(
    connection: &Connection,
    Entry { operation, key, request, location, body }: &Entry<'_>,
    clock: &Clock,
    keep: Duration,
) -> rusqlite::Result<()> {
    let now = clock.now(connection)?;
    connection
        .prepare_cached(
            "INSERT INTO stored_response (operation, key, request, location, body, stored_at)
             VALUES (:operation, :key, :request, :location, :body, :stored_at)",
        )?
        .execute(named_params! {
            ":operation": operation,
            ":key": key,
            ":request": request,
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
            ":oldest": now.saturating_sub(keep).as_secs() as i64,
            ":limit": DELETED_AT_ONCE,
        })?;
    Ok(())
}

/// The time that the service has run, added up over restarts, which is the age of stored responses. A wall clock that jumps, or a
/// machine that sleeps, cannot make a key expire too soon.
pub(super) struct Clock {
    /// When the newest response was stored, at the start of the service. Read when the next one is stored.
    base: OnceLock<Duration>,
    started: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
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

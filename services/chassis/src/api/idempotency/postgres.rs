//! Stored responses in PostgreSQL.

use std::time::Duration;

use super::stored::{DELETED_AT_ONCE, Entry, StoredResponse};
use crate::storage::postgres::{Connection, Error};

/// The migration that adds the table of stored responses, for the schema of a service. Their age is that of the server's clock,
/// which all instances share.
pub const TABLE: &str = r#"
    CREATE TABLE stored_response (
        operation text        NOT NULL,
        key       text        COLLATE "C" NOT NULL,
        request   text        NOT NULL,
        location  text        NOT NULL,
        body      bytea       NOT NULL,
        stored_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (operation, key)
    );
    CREATE INDEX stored_response_stored_at ON stored_response (stored_at);
"#;

pub(super) async fn find(
    connection: &Connection,
    operation: &str,
    key: &str,
) -> Result<Option<StoredResponse>, Error> {
    // The lock makes it a write, which waits for a synchronous standby: that may not have what the primary stored.
    let select = "SELECT request, location, body FROM stored_response WHERE operation = $1 AND key = $2
                  FOR KEY SHARE";
    let Some(row) = connection.query_opt(select, &[&operation, &key]).await? else { return Ok(None) };
    Ok(Some(StoredResponse { request: row.try_get(0)?, location: row.try_get(1)?, body: row.try_get(2)? }))
}

/// Stores the response, and deletes some that are older than `keep`.
///
/// # Errors
/// Another instance has stored one meanwhile, which is a conflict.
pub(super) async fn store(
    connection: &Connection,
    Entry { operation, key, request, location, body }: &Entry<'_>,
    keep: Duration,
) -> Result<(), Error> {
    // It waits for a transaction in flight that has inserted the same key. Old ones that another transaction deletes are left to it.
    let insert = "WITH old AS (
                      DELETE FROM stored_response WHERE (operation, key) IN
                      (SELECT operation, key FROM stored_response
                       WHERE stored_at < now() - $6::double precision * interval '1 second'
                       ORDER BY stored_at LIMIT $7 FOR UPDATE SKIP LOCKED)
                  )
                  INSERT INTO stored_response (operation, key, request, location, body)
                  VALUES ($1, $2, $3, $4, $5) ON CONFLICT (operation, key) DO NOTHING";
    let (age, limit) = (keep.as_secs_f64(), i64::from(DELETED_AT_ONCE));
    match connection.execute(insert, &[operation, key, request, location, body, &age, &limit]).await? {
        0 => Err(Error::Conflict),
        _ => Ok(()),
    }
}

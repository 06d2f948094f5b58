//! Migrations: run once, however many instances start at once.
//!
//! The version is a row, which is locked until its migration is committed. So no session-level lock is needed, which CockroachDB
//! and poolers do not support. If another instance migrates at the same time, there is a conflict, and the migration is retried.

use std::time::Duration;

use tokio::time::sleep;
use tokio_postgres::error::SqlState;

use super::{pool::Pool, problem::Problem, schema::Schema};
use crate::storage::{
    client::{Connection, Error},
    table::MARKER,
};

/// How often a migration is tried that others are in the way of, with a pause in between.
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// Has one row.
const VERSION_TABLE: &str = "
    CREATE TABLE IF NOT EXISTS schema_version (
        is_only_row boolean PRIMARY KEY CHECK (is_only_row),
        service     text    NOT NULL,
        version     bigint  NOT NULL
    )";

/// Checks that the database is not an unfinished copy.
pub(super) async fn refuse_unfinished_copy(pool: &Pool) -> Result<(), Problem> {
    let connection = pool.first().await.map_err(Problem::Connection)?;
    let row = connection.query_one("SELECT to_regclass($1::text) IS NULL", &[&MARKER]).await?;
    let is_whole: bool = row.try_get(0).map_err(Error::from)?;
    connection.finish();
    if is_whole { Ok(()) } else { Err(Problem::Unfinished) }
}

/// Migrates the database of `service` to the newest version of `schema`.
pub(super) async fn migrate(pool: &Pool, service: &str, schema: &Schema) -> Result<(), Problem> {
    let connection = pool.first().await.map_err(Problem::Connection)?;
    let row = connection.query_one("SHOW server_encoding", &[]).await?;
    let encoding: String = row.try_get(0).map_err(Error::from)?;
    if !encoding.eq_ignore_ascii_case("UTF8") {
        return Err(Problem::Encoding(encoding));
    }
    let mut attempt = 1;
    loop {
        match migrate_once(&connection, service, schema).await {
            Err(Problem::Statement(error) | Problem::Migration { error, .. })
                if attempt < ATTEMPTS && is_conflict(&error) =>
            {
                // It may be in a transaction that has failed.
                connection.batch("ROLLBACK").await?;
                attempt += 1;
                sleep(PAUSE).await;
            }
            Err(problem) => return Err(problem),
            Ok(()) => {
                connection.finish();
                return Ok(());
            }
        }
    }
}

async fn migrate_once(connection: &Connection, service: &str, schema: &Schema) -> Result<(), Problem> {
    let known = schema.migrations.len();
    // A user who may only read and write rows can start a service on a migrated database.
    let stored = match version(connection, service, "").await {
        Err(Problem::Statement(error)) if has_code(&error, &SqlState::UNDEFINED_TABLE) => {
            connection.batch(VERSION_TABLE).await?;
            None
        }
        stored => stored?,
    };
    match stored {
        Some(version) if version == known => return Ok(()),
        Some(version) if version > known => return Err(Problem::Newer { version, known }),
        Some(_) => {}
        None => {
            let first = "INSERT INTO schema_version (is_only_row, service, version) VALUES (true, $1, 0)
                         ON CONFLICT DO NOTHING";
            connection.execute(first, &[&service]).await?;
        }
    }
    // A migration, and the wait for that of another instance, may take longer than a request.
    connection.batch("BEGIN; SET LOCAL statement_timeout = 0").await?;
    let from = version(connection, service, "FOR UPDATE").await?.unwrap_or_default();
    if from > known {
        return Err(Problem::Newer { version: from, known });
    }
    // Another instance may have done it while this one waited for the row.
    for step in &schema.migrations[from..] {
        connection.batch(step).await.map_err(|error| Problem::Migration { from, to: known, error })?;
    }
    connection.execute("UPDATE schema_version SET version = $1", &[&(known as i64)]).await?;
    connection.batch("COMMIT").await?;
    if from < known {
        tracing::info!(from, to = known, "migrated the database");
    }
    Ok(())
}

/// The version of the database, if it has one.
async fn version(connection: &Connection, service: &str, lock: &str) -> Result<Option<usize>, Problem> {
    let select = format!("SELECT service, version FROM schema_version {lock}");
    let Some(row) = connection.query_opt(&select, &[]).await? else { return Ok(None) };
    let (owner, version): (String, i64) =
        (row.try_get(0).map_err(Error::from)?, row.try_get(1).map_err(Error::from)?);
    if owner != service {
        return Err(Problem::Foreign(owner));
    }
    usize::try_from(version).map(Some).map_err(|_| Problem::Version(version))
}

fn has_code(error: &Error, code: &SqlState) -> bool {
    matches!(error, Error::Statement(error) if error.code() == Some(code))
}

/// Whether another instance was at the same place.
fn is_conflict(error: &Error) -> bool {
    // Two that create a table at once fail in the catalogue.
    let codes = [SqlState::UNIQUE_VIOLATION, SqlState::DUPLICATE_TABLE, SqlState::DUPLICATE_OBJECT];
    error.is_repeatable() || codes.iter().any(|code| has_code(error, code))
}

//! The write-ahead log (<https://www.sqlite.org/wal.html>): when it is checkpointed, and which database file it continues.
//!
//! SQLite's automatic checkpoint runs inside COMMIT, while readers still hold older snapshots, so the log might never restart.
//! The writer checkpoints it instead, after the snapshots have ended.
//!
//! A log does not say which file it belongs to: SQLite replays it into any file with the right name, such as a restored backup.
//! So the table `generation` names each state that the file can have next to this log, by a random number: `base` is the state
//! when the log began, `middle` the state after a checkpoint by another program, and `tip` the state after our own. A file with
//! none of the three is another file, or newer than this copy of the log.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    thread,
};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::{Connection, DEFAULT_NAME, OpenFlags, OptionalExtension, Result, wal::CheckpointMode};

use super::{files::sibling, readers::Readers};

/// How many pages the log has when it is checkpointed, which is SQLite's default
/// (<https://www.sqlite.org/pragma.html#pragma_wal_autocheckpoint>).
const CHECKPOINT_PAGES: i32 = 1000;

/// After how many more pages an incomplete checkpoint is retried. Another program may still be reading.
const RETRY_PAGES: i32 = 250;

/// The size of a log with [`CHECKPOINT_PAGES`], in bytes: a header, and pages of 4096 bytes with their own headers.
const SIZE: u64 = 32 + 1000 * (24 + 4096);

/// The file that the log continues, in one row.
const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS generation (
        id     INTEGER PRIMARY KEY CHECK (id = 1),
        base   INTEGER,
        middle INTEGER,
        tip    INTEGER NOT NULL
    ) STRICT;
    INSERT OR IGNORE INTO generation VALUES (1, NULL, NULL, random());
";

/// Run at the beginning of a log, together with a write of the first page, which has the schema version.
const BEGIN: &str = "
    UPDATE generation SET base = tip, tip = random();
    UPDATE generation SET middle = tip;
";

/// Run before the log is checkpointed.
const END: &str = "UPDATE generation SET tip = random()";

/// Gives the log its final size at once, since syncing a file that has grown takes ten times as long. Zeros are not valid frames,
/// so SQLite continues after the existing ones (<https://www.sqlite.org/walformat.html>).
pub(super) fn preallocate(database: &Path) -> io::Result<()> {
    let mut log = File::options().append(true).open(sibling(database, "-wal"))?;
    let missing = SIZE.saturating_sub(log.metadata()?.len());
    io::copy(&mut io::repeat(0).take(missing), &mut log)?;
    // The zeros need not be on disk yet. If the sync fails, the first commits are slow.
    thread::spawn(move || log.sync_all());
    Ok(())
}

/// Whether there is a log that contains frames.
pub(super) fn has_frames(database: &Path) -> bool {
    let mut magic = [0; 4];
    let read = File::open(sibling(database, "-wal")).and_then(|mut log| log.read_exact(&mut magic));
    read.is_ok() && magic != [0; 4]
}

/// Creates the table that tells which file the log continues.
pub(super) fn prepare(connection: &Connection) -> Result<()> {
    connection.execute_batch(TABLE)
}

/// The generation of a file, alone or together with its log.
struct Generation {
    /// None before the first log.
    base: Option<i64>,
    middle: Option<i64>,
    tip: i64,
    /// VACUUM, also INTO another file, increments it (<https://www.sqlite.org/fileformat2.html#schema_cookie>).
    schema_version: i64,
}

impl Generation {
    /// None in a file that is older than the table.
    fn read(connection: &Connection) -> Result<Option<Self>> {
        let is_there: bool = connection.query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name = 'generation'",
            [],
            |row| row.get(0),
        )?;
        if !is_there {
            return Ok(None);
        }
        let schema_version = connection.pragma_query_value(None, "schema_version", |row| row.get(0))?;
        connection
            .query_row("SELECT base, middle, tip FROM generation", [], |row| {
                Ok(Self { base: row.get(0)?, middle: row.get(1)?, tip: row.get(2)?, schema_version })
            })
            .optional()
    }
}

/// Whether the log next to `database` continues that file. Changes neither.
pub(super) fn continues(database: &Path) -> Result<bool> {
    let whole = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let Some(whole) = Generation::read(&whole)? else { return Ok(true) };
    if whole.base.is_none() {
        return Ok(true);
    }
    // An immutable file is read without its log (https://www.sqlite.org/uri.html#uriimmutable).
    let path = utf8_percent_encode(&database.to_string_lossy(), NON_ALPHANUMERIC).to_string();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let alone = Connection::open_with_flags(format!("file:{path}?immutable=1"), flags)?;
    let may_be = |file: Generation| {
        let states = [whole.base, whole.middle, Some(whole.tip)];
        states.contains(&Some(file.tip)) && file.schema_version <= whole.schema_version
    };
    // After an interrupted checkpoint, the file cannot be read without its log.
    Ok(Generation::read(&alone).map_or(true, |file| file.is_some_and(may_be)))
}

/// Writes the first page to the log, as it is. An UPDATE that changes nothing would write nothing.
pub(super) fn write_first_page(connection: &Connection) -> Result<()> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    connection.pragma_update(None, "user_version", version)
}

/// The log, as its only writer knows it.
pub(super) struct Log {
    /// How many pages it may have before the next checkpoint.
    limit: i32,
    /// Whether all of it is in the database file, so that the next write may restart it.
    is_checkpointed: bool,
    /// Whether [`END`] was run. It runs once for each log, so that the file can have only three states.
    is_ended: bool,
}

impl Log {
    /// Checkpoints an existing log.
    pub(super) fn open(connection: &Connection) -> Result<Self> {
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        // Leaves room for the last group of writes, so that the file is not truncated and grown again each time.
        connection.pragma_update(None, "journal_size_limit", 2 * SIZE as i64)?;
        let mut log = Self { limit: CHECKPOINT_PAGES, is_checkpointed: false, is_ended: false };
        log.checkpoint(connection)?;
        Ok(log)
    }

    /// Must be called at the beginning of each write transaction.
    pub(super) fn stamp(&mut self, connection: &Connection) -> Result<()> {
        if self.is_checkpointed {
            write_first_page(connection)?;
            connection.execute_batch(BEGIN)?;
            self.is_ended = false;
        }
        Ok(())
    }

    /// Must be called after each commit and the replies to its callers.
    pub(super) fn committed(&mut self, connection: &Connection, readers: &Readers) {
        self.is_checkpointed = false;
        let checkpointed =
            connection.wal_checkpoint_v2(DEFAULT_NAME, CheckpointMode::NOOP).and_then(|(pages, _)| {
                if pages < CHECKPOINT_PAGES {
                    // Another program may have checkpointed it.
                    self.limit = CHECKPOINT_PAGES;
                }
                if pages < self.limit {
                    return Ok(());
                }
                if !self.is_ended {
                    // This may fail on a full disk, where only the checkpoint makes room.
                    self.is_ended = connection.execute_batch(END).is_ok();
                }
                // Snapshots from before the last commit would keep their part of the log from being checkpointed.
                readers.end_snapshots();
                self.checkpoint(connection)?;
                // Newer snapshots would keep the log from restarting.
                readers.end_snapshots();
                Ok(())
            });
        if let Err(error) = checkpointed {
            self.limit = self.limit.saturating_add(RETRY_PAGES);
            tracing::warn!(%error, "the checkpoint failed");
        }
    }

    /// Checkpoints the log as far as other connections permit. True if all of it is in the database file.
    pub(super) fn checkpoint(&mut self, connection: &Connection) -> Result<bool> {
        let (pages, taken) = connection.wal_checkpoint_v2(DEFAULT_NAME, CheckpointMode::PASSIVE)?;
        self.is_checkpointed = pages == taken;
        self.limit = if self.is_checkpointed { CHECKPOINT_PAGES } else { pages.saturating_add(RETRY_PAGES) };
        Ok(self.is_checkpointed)
    }
}

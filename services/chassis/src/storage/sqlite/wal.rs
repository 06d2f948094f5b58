//! The write-ahead log (<https://www.sqlite.org/wal.html>): when it is taken into the database file, and which database
//! file it goes on from.
//!
//! SQLite's automatic checkpoint runs inside COMMIT, while readers still hold the snapshots of before, so the log might
//! never begin anew. The writer runs its own instead, after the snapshots have ended.
//!
//! Nothing in a log tells which file it belongs to: SQLite replays it into whatever file has the name, such as a backup that
//! was put back. So the table `generation` names each state that the file may be in beside this log, by a random number:
//! `base` is what it was when the log began, `middle` what another program's checkpoint makes of it, and `tip` what ours
//! does. A file that has none of the three is another, or newer than this copy of the log.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    thread,
};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::{Connection, DEFAULT_NAME, OpenFlags, OptionalExtension, Result, wal::CheckpointMode};

use super::{files::sibling, readers::Readers};

/// How many pages the log has when it is taken into the file, as SQLite has it by default
/// (<https://www.sqlite.org/pragma.html#pragma_wal_autocheckpoint>).
const CHECKPOINT_PAGES: i32 = 1000;

/// After how many more pages a checkpoint that could not be completed is tried again, since another program reads.
const RETRY_PAGES: i32 = 250;

/// How many bytes the log has at [`CHECKPOINT_PAGES`]: a header, and pages of 4096 bytes with theirs.
const SIZE: u64 = 32 + 1000 * (24 + 4096);

/// Which file the log goes on from; one row.
const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS generation (
        id     INTEGER PRIMARY KEY CHECK (id = 1),
        base   INTEGER,
        middle INTEGER,
        tip    INTEGER NOT NULL
    ) STRICT;
    INSERT OR IGNORE INTO generation VALUES (1, NULL, NULL, random());
";

/// To be written at the beginning of a log. The first page, which has the schema's version, is written with it.
const BEGIN: &str = "
    UPDATE generation SET base = tip, tip = random();
    UPDATE generation SET middle = tip;
";

/// To be written before the log is taken into the file.
const END: &str = "UPDATE generation SET tip = random()";

/// Gives the log at once the size that it comes to have, since a sync of a file that has grown takes ten times as long. Zeros
/// are no frames, so SQLite goes on behind what is there (<https://www.sqlite.org/walformat.html>).
pub(super) fn preallocate(database: &Path) -> io::Result<()> {
    let mut log = File::options().append(true).open(sibling(database, "-wal"))?;
    let missing = SIZE.saturating_sub(log.metadata()?.len());
    io::copy(&mut io::repeat(0).take(missing), &mut log)?;
    // Nothing of it is needed yet, so nobody has to wait for the disk; if it fails, the first commits are slow.
    thread::spawn(move || log.sync_all());
    Ok(())
}

/// Whether there is a log with frames in it.
pub(super) fn has_frames(database: &Path) -> bool {
    let mut magic = [0; 4];
    let read = File::open(sibling(database, "-wal")).and_then(|mut log| log.read_exact(&mut magic));
    read.is_ok() && magic != [0; 4]
}

/// Sees to it that the log can tell which file it goes on from.
pub(super) fn prepare(connection: &Connection) -> Result<()> {
    connection.execute_batch(TABLE)
}

/// What a file says of itself, or the file together with its log.
struct Generation {
    /// None before the first log.
    base: Option<i64>,
    middle: Option<i64>,
    tip: i64,
    /// VACUUM, also INTO another file, adds one to it (<https://www.sqlite.org/fileformat2.html#schema_cookie>).
    schema_version: i64,
}

impl Generation {
    /// None in a file of before there were generations.
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

/// Whether the log beside `database` goes on from that very file. Changes neither.
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
    // A checkpoint that was cut off leaves a file that cannot be read without its log.
    Ok(Generation::read(&alone).map_or(true, |file| file.is_some_and(may_be)))
}

/// The log as its only writer sees it.
pub(super) struct Log {
    /// How many pages it may have before the next checkpoint.
    limit: i32,
    /// Whether all of it is in the file, so that the next write may begin it anew.
    is_in_file: bool,
    /// Whether [`END`] was written, which is done once in a log: the states that a file may be in are three.
    is_ended: bool,
}

impl Log {
    /// Takes what is there into the file.
    pub(super) fn open(connection: &Connection) -> Result<Self> {
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        // Room for the last group of writes, so that the file is not cut and grown again each time.
        connection.pragma_update(None, "journal_size_limit", 2 * SIZE as i64)?;
        let mut log = Self { limit: CHECKPOINT_PAGES, is_in_file: false, is_ended: false };
        log.checkpoint(connection)?;
        Ok(log)
    }

    /// To be called at the beginning of each transaction that writes.
    pub(super) fn stamp(&mut self, connection: &Connection) -> Result<()> {
        if self.is_in_file {
            let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            connection.pragma_update(None, "user_version", version)?;
            connection.execute_batch(BEGIN)?;
            self.is_ended = false;
        }
        Ok(())
    }

    /// To be called after each commit, when its callers have been answered.
    pub(super) fn committed(&mut self, connection: &Connection, readers: &Readers) {
        self.is_in_file = false;
        let checkpointed =
            connection.wal_checkpoint_v2(DEFAULT_NAME, CheckpointMode::NOOP).and_then(|(pages, _)| {
                if pages < CHECKPOINT_PAGES {
                    // Another program may have seen to it.
                    self.limit = CHECKPOINT_PAGES;
                }
                if pages < self.limit {
                    return Ok(());
                }
                if !self.is_ended {
                    // A disk may be so full that only the checkpoint makes room for more.
                    self.is_ended = connection.execute_batch(END).is_ok();
                }
                // Snapshots of before the last commit would keep their part of the log from being taken.
                readers.end_snapshots();
                self.checkpoint(connection)?;
                // Those of after it would keep the log from beginning anew.
                readers.end_snapshots();
                Ok(())
            });
        if let Err(error) = checkpointed {
            self.limit = self.limit.saturating_add(RETRY_PAGES);
            tracing::warn!(%error, "the write-ahead log could not be taken into the database file");
        }
    }

    /// Takes the log into the file as far as others let it, and tells whether all of it is there.
    pub(super) fn checkpoint(&mut self, connection: &Connection) -> Result<bool> {
        let (pages, taken) = connection.wal_checkpoint_v2(DEFAULT_NAME, CheckpointMode::PASSIVE)?;
        self.is_in_file = pages == taken;
        self.limit = if self.is_in_file { CHECKPOINT_PAGES } else { pages.saturating_add(RETRY_PAGES) };
        Ok(self.is_in_file)
    }
}

//! The write-ahead log (<https://www.sqlite.org/wal.html>): when it is checkpointed, and which database file it continues.
//!
//! SQLite's automatic checkpoint runs inside COMMIT, while readers still hold older snapshots, so the log might never restart.
//! The writer checkpoints it instead, after the snapshots have ended.
//!
//! A log does not say which file it belongs to: SQLite replays it into any file with the right name, such as a restored backup.
//! So the table `generation` identifies each state that the file can have next to this log, by a random number: `base` is the state
//! when the log began, `middle` the state after a checkpoint by another program, and `tip` the state after our own. A file in none
//! of these three states is another file, or newer than this copy of the log.
//!
//! Nor does a file say that it has a log, so a file that is copied without its log would seem complete. Hence `is_continued`: our
//! own checkpoints set it in the file, and the first commit of each log clears it. A program that checkpoints the whole log, such
//! as the last one that closes the database, thereby also applies that commit.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    thread,
};

use rusqlite::{
    Connection, DEFAULT_NAME, OpenFlags, OptionalExtension, Result, Transaction, TransactionBehavior,
    wal::CheckpointMode,
};

use super::{connect, files::sibling, readers::Readers};

/// How many pages the log has when it is checkpointed, which is SQLite's default
/// (<https://www.sqlite.org/pragma.html#pragma_wal_autocheckpoint>).
pub(super) const CHECKPOINT_PAGES: i32 = 1000;

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
    INSERT OR IGNORE INTO generation (id, tip) VALUES (1, random());
";

/// Added later than the others.
const IS_CONTINUED: &str = "
    ALTER TABLE generation ADD COLUMN is_continued INTEGER NOT NULL DEFAULT 0 CHECK (is_continued IN (0, 1))
";

/// Run before a checkpoint.
const MARK: &str = "UPDATE generation SET is_continued = 1";

/// Run after it, when its log goes on.
const UNMARK: &str = "UPDATE generation SET is_continued = 0";

/// Run in a copy, which is a file that no log continues.
const RENEW: &str = "UPDATE generation SET base = NULL, middle = NULL, tip = random(), is_continued = 0";

/// Run at the beginning of a log, together with a write of the first page, which has the schema version.
const BEGIN: &str = "
    UPDATE generation SET base = tip, tip = random();
    UPDATE generation SET middle = tip, is_continued = 0;
";

/// Run before the log is checkpointed, once for each log.
const END: &str = "UPDATE generation SET tip = random(), is_continued = 1";

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

/// Creates the table that tells which file the log continues, before the first checkpoint.
pub(super) fn prepare(connection: &Connection) -> Result<()> {
    create_table(connection)?;
    connection.execute_batch(MARK)
}

/// Makes a copy a file of its own, which the log of the original does not continue.
pub(super) fn renew(connection: &Connection) -> Result<()> {
    create_table(connection)?;
    connection.execute_batch(RENEW)
}

fn create_table(connection: &Connection) -> Result<()> {
    connection.execute_batch(TABLE)?;
    if !has_mark(connection)? {
        connection.execute_batch(IS_CONTINUED)?;
    }
    Ok(())
}

/// Whether a database whose log is not there has lost commits with it.
pub(super) fn is_continued(connection: &Connection) -> Result<bool> {
    Ok(has_mark(connection)?
        && connection.query_row("SELECT max(is_continued) = 1 FROM generation", [], |row| {
            Ok(row.get::<_, Option<bool>>(0)?.unwrap_or(false))
        })?)
}

/// Whether a file had a log that is not there. Copies that SQLite makes with VACUUM INTO lack nothing, and are not in WAL mode
/// (<https://www.sqlite.org/fileformat2.html#file_format_version_numbers>).
pub(super) fn may_be_lost(database: &Path) -> bool {
    let mut header = [0; 20];
    let read = File::open(database).and_then(|mut file| file.read_exact(&mut header));
    read.is_ok() && header[18] == 2 && !has_frames(database)
}

/// Whether the file has the column. It may be older, or belong to another program.
fn has_mark(connection: &Connection) -> Result<bool> {
    let columns = "SELECT count(*) FROM pragma_table_info('generation') WHERE name = 'is_continued'";
    connection.query_row(columns, [], |row| row.get(0))
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
    let alone = connect::open_unchanging(database)?;
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
    /// Whether the last commit says that the file is continued, which only the file should.
    is_marked: bool,
}

impl Log {
    /// Checkpoints an existing log.
    pub(super) fn open(connection: &Connection) -> Result<Self> {
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        // Leaves room for the last group of writes, so that the file is not truncated and grown again each time.
        connection.pragma_update(None, "journal_size_limit", 2 * SIZE as i64)?;
        let mut log =
            Self { limit: CHECKPOINT_PAGES, is_checkpointed: false, is_ended: false, is_marked: true };
        log.checkpoint(connection)?;
        log.go_on(connection)?;
        Ok(log)
    }

    /// Must be called at the beginning of each write transaction. It has nothing to do unless [`Self::go_on`] has failed.
    pub(super) fn stamp(&mut self, connection: &Connection) -> Result<()> {
        if self.is_checkpointed {
            write_first_page(connection)?;
            connection.execute_batch(BEGIN)?;
            self.is_ended = false;
        } else if self.is_marked {
            connection.execute_batch(UNMARK)?;
        }
        Ok(())
    }

    /// Begins the next log, or goes on with this one. At once, since until then the mark of the file is the last commit: a
    /// program that takes the log of a killed service into the file would leave it there.
    fn go_on(&mut self, connection: &Connection) -> Result<()> {
        let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
        self.stamp(&transaction)?;
        transaction.commit()?;
        self.is_checkpointed = false;
        self.is_marked = false;
        Ok(())
    }

    /// Must be called after each commit and the replies to its callers.
    pub(super) fn committed(&mut self, connection: &Connection, readers: &Readers) {
        self.is_checkpointed = false;
        self.is_marked = false;
        let checkpointed =
            connection.wal_checkpoint_v2(DEFAULT_NAME, CheckpointMode::NOOP).and_then(|(pages, _)| {
                if pages < CHECKPOINT_PAGES {
                    // Another program may have checkpointed it.
                    self.limit = CHECKPOINT_PAGES;
                }
                if pages < self.limit {
                    return Ok(());
                }
                // These may fail on a full disk, where only the checkpoint makes room.
                if self.is_ended {
                    self.is_marked = connection.execute_batch(MARK).is_ok();
                } else {
                    self.is_ended = connection.execute_batch(END).is_ok();
                    self.is_marked = self.is_ended;
                }
                // Snapshots from before the last commit would keep their part of the log from being checkpointed.
                readers.end_snapshots();
                self.checkpoint(connection)?;
                // Newer snapshots would keep the log from restarting.
                readers.end_snapshots();
                // If another program holds the lock, the next write does it.
                let _ = self.go_on(connection);
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

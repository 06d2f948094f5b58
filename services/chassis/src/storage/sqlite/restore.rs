//! Restores a backup, while no service runs.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use rusqlite::OpenFlags;

use super::{
    cancellation::Cancellation,
    checks::{self, Purpose},
    connect::{connect, open_unchanging},
    copy::copy,
    files::{self, sibling},
    schema::Schema,
    wal,
};
use crate::settings::StartupError;

/// The folder of what is being restored to `folder`, from when the first file is put in place until the last is. As long as it is
/// there, no service starts.
pub fn unfinished(folder: &Path) -> PathBuf {
    checks::unfinished(folder)
}

/// The place of a database. As long as this is there, no service can start on it.
pub struct Place {
    path: PathBuf,
    /// Whether the file was created only to be locked.
    is_new: bool,
    _lock: File,
}

impl Place {
    /// Takes the place of `<folder>/<name>.db`.
    ///
    /// # Errors
    /// A service runs there, or the folder cannot be written.
    pub fn take(folder: &Path, name: &str) -> Result<Self, StartupError> {
        let path = folder.join(format!("{name}.db"));
        let is_new = checks::is_absent(&path);
        Ok(Self { _lock: files::lock(&path)?, is_new, path })
    }

    /// The files that a restore has to move away.
    pub fn occupants(&self) -> impl Iterator<Item = PathBuf> {
        let database = (!self.is_new).then(|| self.path.clone());
        let siblings = ["-wal", "-shm"].map(|suffix| sibling(&self.path, suffix));
        database.into_iter().chain(siblings).filter(|path| fs::symlink_metadata(path).is_ok())
    }

    /// The path of the database.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A file that was put there is not empty.
        if self.is_new && checks::is_absent(&self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A database that is ready to be put in its place. As long as this is there, no service can start on it.
pub struct Staged {
    path: PathBuf,
    _lock: File,
}

impl Staged {
    /// The path of the database, until it is moved.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Copies the backup `<backup>/<name>.db` to the new file `<to>/<name>.db`, after checking that it is sound and that a service
/// with this `schema` can use it.
///
/// # Errors
/// It cannot, or the copy cannot be written. The error says why, and what to do.
pub fn stage(
    backup: &Path,
    name: &str,
    schema: &Schema,
    to: &Path,
    cancellation: &Cancellation,
) -> Result<Staged, StartupError> {
    let path = backup.join(format!("{name}.db"));
    let file = path.display();
    if let Err(error) = File::open(&path) {
        return Err(StartupError::new(format!(
            "{file} cannot be read ({error}): name a folder with a whole backup."
        )));
    }
    if wal::has_frames(&path) {
        return Err(StartupError::new(format!(
            "{file} has a log, {file}-wal, so it is not a backup but the file of a service: copy both files to DATA_DIR, or start \
             the service on them and back it up."
        )));
    }
    let purpose = Purpose::Restore;
    let explain = |error| checks::explain(&path, purpose, &error);
    let source = open_unchanging(&path).map_err(explain)?;
    if checks::check_version(&source, &path, purpose, schema)? == 0 {
        return Err(StartupError::new(format!("{file} is empty: name another backup.")));
    }
    checks::refuse_lost_log(&source, &path, purpose)?;
    let finding: String = cancellation
        .run(&source, |source| source.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)))
        .map_err(explain)?;
    if finding != "ok" {
        return Err(StartupError::new(format!("{file} is damaged ({finding}): name another backup.")));
    }
    let staged = to.join(format!("{name}.db"));
    copy(&source, purpose, &staged, cancellation)?;
    prepare(&staged).map_err(|error| {
        StartupError::new(format!("{} cannot be written ({error}): free disk space.", staged.display()))
    })?;
    Ok(Staged { _lock: files::lock(&staged)?, path: staged })
}

/// Leaves the file as a service leaves it that stops: in WAL mode, on disk, and in the hands of who owns the folder.
fn prepare(staged: &Path) -> io::Result<()> {
    connect(staged, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(io::Error::other)?;
    files::give_to_owner_of(staged.ancestors().nth(2).unwrap_or(staged), staged)?;
    File::open(staged)?.sync_all()
}

//! The files of a database: kept for one process, and known again by what they are.

use std::{
    fs::{File, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::error::Error;
use crate::settings::StartupError;

/// The path of the write-ahead log (`-wal`) or of its index (`-shm`), which stand beside the database.
pub(super) fn sibling(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Keeps the database at `path` for this process, and makes the file if it is not there, so that nobody but the owner can read
/// it. It stays so until what is returned is dropped, or the process ends in whatever way.
///
/// The lock is one of flock(2), which does not meet SQLite's own. Closing the file would give SQLite's up, so it has to outlive
/// every connection (<https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_>).
pub(super) fn lock(path: &Path) -> Result<File, StartupError> {
    let name = path.display();
    let cannot = |error: io::Error| {
        StartupError::new(format!(
            "{name} cannot be written ({error}): set DATA_DIR to a folder that can be written."
        ))
    };
    let file =
        File::options().create(true).truncate(false).write(true).mode(0o600).open(path).map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StartupError::new(format!(
            "{name} is in use by another process: stop that process first, or set DATA_DIR to another folder."
        ))),
        Err(TryLockError::Error(error)) => Err(cannot(error)),
    }
}

/// The database, its log, and the log's index. SQLite goes on writing to files that were deleted, and nobody would ever read
/// that.
#[derive(Clone)]
pub(super) struct Files([Identity; 3]);

#[derive(Clone)]
struct Identity {
    path: PathBuf,
    /// Device and inode.
    file: (u64, u64),
}

impl Identity {
    fn of(path: PathBuf) -> io::Result<Self> {
        let file = device_and_inode(&path)?;
        Ok(Self { path, file })
    }

    fn is_there(&self) -> bool {
        device_and_inode(&self.path).is_ok_and(|now| now == self.file)
    }
}

/// Asks for nothing else: Linux has to note the exact time of the next write for whoever has asked for the last one, which made
/// each sync of the log take a sixth more.
#[cfg(target_os = "linux")]
fn device_and_inode(path: &Path) -> io::Result<(u64, u64)> {
    use rustix::fs::{AtFlags, CWD, StatxFlags, makedev, statx};
    let file = statx(CWD, path, AtFlags::empty(), StatxFlags::INO)?;
    Ok((makedev(file.stx_dev_major, file.stx_dev_minor), file.stx_ino))
}

#[cfg(not(target_os = "linux"))]
fn device_and_inode(path: &Path) -> io::Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let file = std::fs::metadata(path)?;
    Ok((file.dev(), file.ino()))
}

impl Files {
    pub(super) fn of(database: &Path) -> io::Result<Self> {
        let paths = [database.to_owned(), sibling(database, "-wal"), sibling(database, "-shm")];
        let [database, log, index] = paths.map(Identity::of);
        Ok(Self([database?, log?, index?]))
    }

    pub(super) fn database(&self) -> &Path {
        &self.0[0].path
    }

    /// Whether each is where it was.
    pub(super) fn check(&self) -> Result<(), Error> {
        match self.0.iter().find(|file| !file.is_there()) {
            Some(file) => Err(Error::Vanished(file.path.display().to_string())),
            None => Ok(()),
        }
    }

    pub(super) fn has_database(&self) -> bool {
        self.0[0].is_there()
    }
}

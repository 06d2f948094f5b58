//! The files of a database: locked by one process, and checked for deletion and replacement.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, chown},
    path::{Path, PathBuf},
};

use super::error::Error;
use crate::settings::StartupError;

/// How many bytes have to be free on a disk that was full, before it no longer counts as full.
const ROOM: u64 = 256 * 1024;

/// The path of the write-ahead log (`-wal`) or of its index (`-shm`), which are next to the database.
pub(super) fn sibling(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Locks the database at `path` for this process, and creates the file if necessary, readable only by its owner. The lock is
/// released when the returned file is dropped or the process ends.
///
/// It is a flock(2) lock, which is independent of SQLite's own. Closing the file would release SQLite's locks, so it must outlive
/// every connection (<https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_>).
pub(super) fn lock(path: &Path) -> Result<File, StartupError> {
    let name = path.display();
    let cannot = |error: io::Error| {
        StartupError::new(format!("{name} cannot be written ({error}): set DATA_DIR to a writable folder."))
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

/// Gives a file that was made for a service to whom the service's folder belongs, who may not be the user of this program.
pub(super) fn give_to_owner_of(folder: &Path, file: &Path) -> io::Result<()> {
    let folder = fs::metadata(folder)?;
    if fs::metadata(file)?.uid() != folder.uid() {
        chown(file, Some(folder.uid()), Some(folder.gid()))?;
    }
    Ok(())
}

/// The database, its log, and the log's index. SQLite keeps writing to deleted files, and those writes would be lost.
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

/// Asks for nothing else: after a query for the last modification, Linux records the next one more precisely, which made each
/// sync of the log take a sixth longer.
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

    /// Checks that no file was deleted or replaced.
    pub(super) fn check(&self) -> Result<(), Error> {
        match self.0.iter().find(|file| !file.is_there()) {
            Some(file) => Err(Error::Vanished(file.path.display().to_string())),
            None => Ok(()),
        }
    }

    /// Checks that the disk has room for a few writes.
    pub(super) fn check_room(&self) -> Result<(), Error> {
        match rustix::fs::statvfs(self.database()) {
            Ok(disk) if disk.f_bavail.saturating_mul(disk.f_frsize) < ROOM => {
                Err(Error::Unwritable("the disk is full".to_owned()))
            }
            // If that cannot be told, a write tells more.
            _ => Ok(()),
        }
    }

    pub(super) fn has_database(&self) -> bool {
        self.0[0].is_there()
    }
}

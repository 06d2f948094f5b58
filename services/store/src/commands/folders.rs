//! Folders that appear complete or not at all.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

/// A folder with a temporary name, which is removed unless it is given another. A killed process leaves it, and the next with
/// the same name removes it.
pub(super) struct Temporary {
    path: PathBuf,
    /// Locked, so that no other process takes it for a leftover.
    folder: File,
    is_renamed: bool,
}

impl Temporary {
    /// Creates the folder, readable only by its owner. An error of the kind `WouldBlock` says that somebody else uses it.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        loop {
            match DirBuilder::new().mode(0o700).create(path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            let folder = lock(path)?;
            // The process that had it locked may have renamed or removed it meanwhile.
            let is_same = fs::metadata(path).is_ok_and(|now| {
                folder.metadata().is_ok_and(|locked| (now.dev(), now.ino()) == (locked.dev(), locked.ino()))
            });
            if is_same {
                for entry in fs::read_dir(path)? {
                    fs::remove_file(entry?.path())?;
                }
                return Ok(Self { path: path.to_owned(), folder, is_renamed: false });
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name, which may be that of an empty folder, and returns when that is on disk.
    pub(super) fn rename(mut self, to: &Path) -> io::Result<()> {
        self.folder.sync_all()?;
        fs::rename(&self.path, to)?;
        self.is_renamed = true;
        sync_parent(to)
    }

    /// Gives it the name of another folder, which takes its name and is removed. The other is locked meanwhile, for the same reason.
    pub(super) fn replace(self, other: &Path) -> io::Result<()> {
        let _other = lock(other)?;
        self.folder.sync_all()?;
        renameat_with(CWD, &self.path, CWD, other, RenameFlags::EXCHANGE)?;
        sync_parent(other)?;
        drop(self);
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_renamed {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn lock(path: &Path) -> io::Result<File> {
    let folder = File::open(path)?;
    folder.try_lock()?;
    Ok(folder)
}

/// Makes what was renamed in the folder of `path` durable.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

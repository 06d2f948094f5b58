//! Takes back what was written for a service, if it cannot be finished.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{lists, template::Names};

/// The files that a new service changes or adds, as they were before.
pub(crate) struct Undo {
    /// Files, with what was in them.
    changed: Vec<(PathBuf, Vec<u8>)>,
    /// Files and folders that were not there.
    added: Vec<PathBuf>,
}

impl Undo {
    /// Remembers what there is, before anything is written for a service of these names.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(crate) fn new(root: &Path, names: &Names) -> Result<Self, String> {
        let read = |file: &&str| {
            let path = root.join(file);
            let text =
                fs::read(&path).map_err(|error| format!("{} cannot be read ({error})", path.display()))?;
            Ok((path, text))
        };
        let changed = lists::CHANGED.iter().map(read).collect::<Result<_, String>>()?;
        let added =
            lists::added(names).iter().map(|file| root.join(file)).filter(|path| !path.exists()).collect();
        Ok(Self { changed, added })
    }

    /// Takes back what was written.
    ///
    /// # Errors
    /// A file cannot be written or removed.
    pub(crate) fn take_back(self) -> Result<(), String> {
        let named = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
        for (path, text) in &self.changed {
            if fs::read(path).ok().as_ref() != Some(text) {
                fs::write(path, text).map_err(|error| named(path, error))?;
            }
        }
        for path in self.added.iter().filter(|path| path.exists()) {
            let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
            removed.map_err(|error| named(path, error))?;
        }
        Ok(())
    }
}

//! Renames several files, all or none.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::folders::{Temporary, sync_parent};

/// Old and new names of files.
pub(super) type Renames = [(PathBuf, PathBuf)];

/// The state after an exchange that failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Each file has its old name.
    Undone(io::Error),
    /// Some files may have old names and some new ones, and the guard is there.
    Halfway(io::Error),
    /// Each file has its new name, and the guard is there.
    Unfinished(io::Error),
}

/// Renames all files, in this order, and returns when that is on disk. Meanwhile `temporary`, the folder that some of them come
/// from, is called `guard`. Such a folder shows that an exchange was interrupted.
pub(super) fn exchange(temporary: Temporary, guard: &Path, renames: &Renames) -> Result<(), Failure> {
    // The files of one that was interrupted are of no use, but what it has left unfinished is not done before this one is.
    let is_repeated = guard.exists();
    let begun = match is_repeated {
        true => temporary.replace(guard),
        false => temporary.rename(guard),
    };
    match begun.map_err(Failure::Undone).and_then(|()| rename(renames)) {
        Ok(()) => remove(guard).map_err(Failure::Unfinished),
        Err(Failure::Undone(error)) if !is_repeated && guard.exists() => {
            Err(remove(guard).map_or_else(Failure::Halfway, |()| Failure::Undone(error)))
        }
        Err(failure) => Err(failure),
    }
}

/// Renames all, or none if one cannot be.
fn rename(renames: &Renames) -> Result<(), Failure> {
    for (count, (from, to)) in renames.iter().enumerate() {
        if let Err(error) = fs::rename(from, to) {
            // Nothing is renamed back over a file that could not be.
            let undone = renames[..count].iter().rev().try_for_each(|(from, to)| fs::rename(to, from));
            return Err(match undone {
                Ok(()) => Failure::Undone(error),
                Err(error) => Failure::Halfway(error),
            });
        }
    }
    Ok(())
}

/// Removes the guard when all names are on disk.
fn remove(guard: &Path) -> io::Result<()> {
    sync_parent(guard)?;
    fs::remove_dir_all(guard)?;
    // If this is lost, the guard is there again, which costs another restore and no data.
    let _ = sync_parent(guard);
    Ok(())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A folder with the files `old` and `new`, whose content is their name.
    fn folder() -> (TempDir, impl Fn(&str) -> PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        let path = move |name: &str| root.join(name);
        for name in ["old", "new"] {
            fs::write(path(name), name).unwrap();
        }
        (folder, path)
    }

    fn begin(path: &impl Fn(&str) -> PathBuf) -> (Temporary, PathBuf) {
        (Temporary::create(&path("partial")).unwrap(), path("guard"))
    }

    #[test]
    fn after_a_complete_exchange_the_guard_is_gone() {
        let (_folder, path) = folder();
        let (temporary, guard) = begin(&path);
        let renames = [("old", "kept"), ("new", "old")].map(|(from, to)| (path(from), path(to)));
        exchange(temporary, &guard, &renames).unwrap();
        assert_eq!(fs::read_to_string(path("old")).unwrap(), "new");
        assert_eq!(fs::read_to_string(path("kept")).unwrap(), "old");
        assert!(!guard.exists() && !path("partial").exists());
    }

    #[test]
    fn a_rename_that_fails_undoes_those_before_it() {
        let (_folder, path) = folder();
        let renames =
            [("old", "kept"), ("new", "old"), ("absent", "other")].map(|(from, to)| (path(from), path(to)));
        let is_as_before = || {
            let has_its_name = |name: &&str| fs::read_to_string(path(name)).unwrap() == **name;
            ["old", "new"].iter().all(has_its_name) && !path("kept").exists()
        };
        let (temporary, guard) = begin(&path);
        assert!(matches!(exchange(temporary, &guard, &renames), Err(Failure::Undone(_))));
        assert!(is_as_before() && !guard.exists() && !path("partial").exists());
        // What an earlier exchange has left halfway is still halfway.
        fs::create_dir(&guard).unwrap();
        let (temporary, guard) = begin(&path);
        assert!(matches!(exchange(temporary, &guard, &renames), Err(Failure::Undone(_))));
        assert!(is_as_before() && guard.exists() && !path("partial").exists());
    }

    #[test]
    fn the_guard_stays_if_a_file_cannot_have_its_old_name_again() {
        let (_folder, path) = folder();
        let (temporary, guard) = begin(&path);
        // The second takes the place of the first, which is lost then.
        let renames =
            [("old", "kept"), ("new", "kept"), ("absent", "other")].map(|(from, to)| (path(from), path(to)));
        assert!(matches!(exchange(temporary, &guard, &renames), Err(Failure::Halfway(_))));
        assert!(guard.exists());
    }

    #[test]
    fn a_guard_that_cannot_be_removed_after_the_exchange_leaves_it_unfinished() {
        let (_folder, path) = folder();
        let (temporary, guard) = begin(&path);
        // The guard itself is among what is renamed, so that there is nothing at its place that could be removed.
        let renames = [(path("new"), path("old")), (guard.clone(), path("elsewhere"))];
        assert!(matches!(exchange(temporary, &guard, &renames), Err(Failure::Unfinished(_))));
        assert_eq!(fs::read_to_string(path("old")).unwrap(), "new");
    }
}

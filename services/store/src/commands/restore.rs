//! `store restore`: puts the databases of a backup in place, all or none.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use chassis::{
    settings::StartupError,
    storage::sqlite::{self, Cancellation, Place, Staged},
};
use clap::{ArgMatches, Command};

use super::{
    databases::{self, Databases, Description},
    exchange::{self, exchange},
    failure::Failure,
    folders::Temporary,
};
use crate::member::Member;

const EXAMPLES: &str = "\
Examples:
  store restore backups/monday
  store restore --force backups/monday";

pub(super) fn command(members: &'static [Member]) -> Command {
    let description = Description {
        about: "Restore databases from a backup, while no service runs",
        folder: "FOLDER is what `store backup` wrote. Its files are checked and copied first, and put in place only if all \
                 of them are sound.",
        force: "Replace existing databases, and keep them under names with a timestamp",
        examples: EXAMPLES,
    };
    databases::command("restore", description, members)
}

/// Restores the backup. The text says what was done.
pub(super) fn run(
    members: &'static [Member],
    matches: &ArgMatches,
    cancellation: &Cancellation,
) -> Result<String, Failure> {
    let databases = Databases::read(matches, members)?;
    let folder = &databases.data;
    let cannot = |error: io::Error| {
        StartupError::new(match error.kind() {
            io::ErrorKind::WouldBlock => {
                format!("another restore to {} is running: wait for it.", folder.display())
            }
            _ => format!(
                "{} cannot be written ({error}), and nothing was changed: set DATA_DIR to a writable folder.",
                folder.display()
            ),
        })
    };
    fs::create_dir_all(folder).map_err(cannot)?;
    let places = databases.members.iter().map(|member| Place::take(folder, member.info.name));
    let places = places.collect::<Result<Vec<_>, _>>()?;
    if let Some(there) = places.iter().flat_map(Place::occupants).next()
        && !databases.is_forced
    {
        return Err(Failure::unchanged(format!(
            "{} already exists: use --force, which keeps it under another name, or set DATA_DIR to another folder.",
            there.display()
        )));
    }
    let temporary = Temporary::create(&folder.join("restore.partial")).map_err(cannot)?;
    let stage = |member: &&Member| {
        let (name, schema) = (member.info.name, member.schema.sqlite);
        sqlite::stage(&databases.backup, name, schema, temporary.path(), cancellation)
    };
    let staged = databases.members.iter().map(stage).collect::<Result<Vec<_>, _>>()?;
    if cancellation.is_cancelled() {
        return Err(Failure::unchanged("it was cancelled, and nothing was changed."));
    }
    // From now on, no service starts until all files are in place.
    let (unfinished, stamp) = (sqlite::unfinished(folder), stamp());
    let renames = renames(&places, &staged, &unfinished, &stamp);
    exchange(temporary, &unfinished, &renames).map_err(|failure| match failure {
        exchange::Failure::Undone(error) => cannot(error).into(),
        exchange::Failure::Halfway(error) => again(folder, "stopped halfway", &error),
        exchange::Failure::Unfinished(error) => {
            again(folder, "put all files in place, but could not be completed", &error)
        }
    })?;

    let (names, backup) = (databases.names(), databases.backup.display());
    let kept = match places.iter().any(|place| kept(place.path(), &stamp).exists()) {
        true => format!(" What was there is kept as {}.\n", kept(&folder.join("*.db"), &stamp).display()),
        false => "\n".to_owned(),
    };
    Ok(format!("Restored {names} from {backup} to {}.{kept}", folder.display()))
}

/// No service starts as long as the folder of the unfinished restore is there.
fn again(folder: &Path, state: &str, error: &io::Error) -> Failure {
    Failure::changed(format!(
        "the restore to {} {state} ({error}), and no service starts there until it is done: run `store restore --force` again.",
        folder.display()
    ))
}

/// Now, as it can be a part of a file name.
fn stamp() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string().replace(':', "-")
}

/// The name that the file at `path` is kept under, such as `products.2026-05-01T12-00-00.000Z.db`.
fn kept(path: &Path, stamp: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (name, suffix) = name.split_once('.').unwrap_or((&name, "db"));
    path.with_file_name(format!("{name}.{stamp}.{suffix}"))
}

/// The renames, in this order.
fn renames(places: &[Place], staged: &[Staged], unfinished: &Path, stamp: &str) -> Vec<(PathBuf, PathBuf)> {
    let one = |(place, staged): (&Place, &Staged)| {
        let away = place.occupants().map(|path| {
            let kept = kept(&path, stamp);
            (path, kept)
        });
        let name = staged.path().file_name().unwrap_or_default();
        let renames: Vec<_> = away.chain([(unfinished.join(name), place.path().to_owned())]).collect();
        renames
    };
    places.iter().zip(staged).flat_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_kept_under_a_name_that_its_log_fits() {
        let names = ["d/products.db", "d/products.db-wal"].map(|path| kept(Path::new(path), "now"));
        assert_eq!(names, ["d/products.now.db", "d/products.now.db-wal"].map(PathBuf::from));
    }
}

//! `store backup`: copies the databases as they are now to a folder, which appears once it is complete.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use chassis::{
    settings::StartupError,
    storage::sqlite::{self, Cancellation},
};
use clap::{ArgMatches, Command};

use super::{
    databases::{self, Databases, Description},
    failure::Failure,
    folders::Temporary,
};
use crate::member::Member;

const EXAMPLES: &str = "\
Examples:
  store backup backups/monday
  store backup --force /mnt/backups/latest
  store backup --data-dir /var/lib/store-orders --only orders backups/orders";

pub(super) fn command(members: &'static [Member]) -> Command {
    let description = Description {
        about: "Back up the databases, whether the services run or not",
        folder: "FOLDER must be new or empty; a complete backup has one file for each service. It contains everything \
                 acknowledged before the backup began, but no tokens.",
        force: "Replace the backup in FOLDER, once the new one is complete",
        examples: EXAMPLES,
    };
    databases::command("backup", description, members)
}

/// Writes the backup. The text says what is in it.
pub(super) fn run(
    members: &'static [Member],
    matches: &ArgMatches,
    cancellation: &Cancellation,
) -> Result<String, Failure> {
    let databases = Databases::read(matches, members)?;
    let folder = whole(&databases.backup)?;
    let shown = databases.backup.display();
    let is_replaced = check(&folder, &databases, members)?;
    let cannot = |error: io::Error| {
        StartupError::new(match error.kind() {
            io::ErrorKind::WouldBlock => {
                format!("another backup to {shown} is running: wait for it, or name another folder.")
            }
            io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => {
                already_there(&databases.backup)
            }
            io::ErrorKind::CrossesDevices | io::ErrorKind::ResourceBusy => {
                format!("{shown} is a mount point: name a folder in it.")
            }
            _ => format!("{shown} cannot be written ({error}): name another folder."),
        })
    };
    let temporary = create(&folder).map_err(cannot)?;
    // Who calls comes before who is called, so what a payment refers to is in the backup of orders.
    for member in databases.members.iter().rev() {
        sqlite::back_up(
            &databases.data,
            member.info.name,
            member.schema.sqlite,
            temporary.path(),
            cancellation,
        )?;
    }
    if cancellation.is_cancelled() {
        return Err(Failure::unchanged("it was cancelled, and nothing was changed."));
    }
    match is_replaced {
        true => temporary.replace(&folder).map_err(cannot)?,
        false => temporary.rename(&folder).map_err(cannot)?,
    }
    Ok(format!("Backed up {} to {shown}.\n", databases.names()))
}

/// The full path of a folder, through links.
fn whole(folder: &Path) -> Result<PathBuf, StartupError> {
    let path = folder.canonicalize().or_else(|_| std::path::absolute(folder)).unwrap_or_default();
    match path.file_name() {
        Some(_) => Ok(path),
        None => {
            Err(StartupError::new(format!("{} cannot be a backup: name a new folder.", folder.display())))
        }
    }
}

/// Whether there is a backup that is to be replaced.
fn check(folder: &Path, databases: &Databases, members: &[Member]) -> Result<bool, StartupError> {
    let shown = databases.backup.display();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries.flatten().map(|entry| entry.file_name()).collect::<Vec<_>>(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => {
            return Err(StartupError::new(format!("{shown} cannot be used ({error}): name another folder.")));
        }
    };
    if entries.is_empty() {
        return Ok(false);
    }
    let is_database = |entry: &std::ffi::OsString| {
        members.iter().any(|member| *entry == *format!("{}.db", member.info.name))
    };
    match entries.iter().find(|entry| !is_database(entry)) {
        Some(other) => Err(StartupError::new(format!(
            "{shown} has files that are not part of a backup, such as {}: name a new folder.",
            other.display()
        ))),
        None if !databases.is_forced => Err(StartupError::new(already_there(&databases.backup))),
        None => Ok(true),
    }
}

fn already_there(folder: &Path) -> String {
    format!("{} has a backup already: name another folder, or replace it with --force.", folder.display())
}

/// Creates the temporary folder, which is later renamed to `folder`.
fn create(folder: &Path) -> io::Result<Temporary> {
    let parent = folder.parent().unwrap_or(folder);
    fs::create_dir_all(parent)?;
    let name = folder.file_name().unwrap_or_default();
    Temporary::create(&parent.join(format!(".{}.partial", name.to_string_lossy())))
}

//! The programs of PostgreSQL, as Debian installs them, and the user who may run them.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

/// How a test is shown that cannot use a server that somebody else has started.
pub(super) const NOT_INSTALLED: &str = "there is no PostgreSQL that a test could start: install postgresql";

/// A program of a server, which is run in `folder`.
///
/// # Panics
/// It is not there.
pub(in crate::harness) fn program(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(programs().expect(NOT_INSTALLED).join(name));
    as_its_user(&mut command, folder);
    command
}

/// Lets `command` run in `folder` as a user whom PostgreSQL accepts.
pub(super) fn as_its_user(command: &mut Command, folder: &Path) {
    command.current_dir(folder).env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
    if let Some((id, group)) = unprivileged() {
        command.uid(id).gid(group);
    }
}

/// The folder with the programs of a server, of the newest version.
pub(super) fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    folders.filter(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file()).max()
}

/// The user and group to run a server as, if this is root, whom PostgreSQL refuses.
pub(super) fn unprivileged() -> Option<(u32, u32)> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let user = status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().nth(1)?;
    if user != "0" {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map(str::parse);
        Some((fields.next()?.ok()?, fields.next()?.ok()?))
    };
    ids("postgres").or_else(|| ids("nobody"))
}

//! Programs that a test needs and the machine may not have.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Runs a program until its input ends, which it does with the test, however that ends.
const RUN: &str = r#"trap '' INT; "$@" & read -r end; kill "$!"; wait "$!""#;

/// The program that `variable` names, or else `name`, on the PATH or where Debian keeps what administrators run.
pub(crate) fn find(variable: &str, name: &str) -> Option<PathBuf> {
    let name = env::var(variable).ok().filter(|name| !name.is_empty()).unwrap_or_else(|| name.into());
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.find_map(|folder| Some(folder.join(&name)).filter(|program| program.is_file()))
}

/// A command that runs `program` until its input ends.
pub(crate) fn until_input_ends(program: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", RUN, "sh"]).arg(program).stdin(Stdio::piped());
    command
}

//! Third-party programs.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Runs a program until its input ends, which it does with the test, however that ends.
const RUN: &str = r#"trap '' INT; "$@" & read -r end; kill "$!"; wait "$!""#;

/// The program that `variable` names, or else `name`, on the PATH or where Debian keeps what administrators run.
///
/// # Errors
/// It is not there.
pub fn find(variable: &str, name: &str) -> Result<PathBuf, String> {
    let name = env::var(variable).ok().filter(|name| !name.is_empty()).unwrap_or_else(|| name.into());
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let mut programs = folders.map(|folder| folder.join(&name));
    programs.find(|program| program.is_file()).ok_or_else(|| format!("there is no {name}"))
}

/// Runs `program` until its standard input, which is a pipe, is closed.
pub fn until_input_ends(program: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", RUN, "sh"]).arg(program).stdin(Stdio::piped());
    command
}

/// Runs `program` as a process of its own id, which is asked to end when the thread that has started it ends, however that ends.
pub fn ending_with_test(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM"]).arg(program);
    command
}

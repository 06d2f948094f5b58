//! Runs a program to its end, which comes within a limit: one that hangs is killed, and fails its test with a sentence.

use std::{
    iter,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use super::waiting::{self, LIMIT};

/// For a program that sends thousands of requests.
pub const LONG: Duration = Duration::from_secs(600);

/// Runs `command`, which has nothing to read, and returns what it has written.
///
/// # Panics
/// It cannot be started, or does not end within a minute.
#[track_caller]
pub fn output(command: &mut Command) -> Output {
    output_within(LIMIT, command)
}

/// The same with another limit than a minute.
///
/// # Panics
/// It cannot be started, or does not end within the limit.
#[track_caller]
pub fn output_within(limit: Duration, command: &mut Command) -> Output {
    let what = named(command);
    let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = started.unwrap_or_else(|error| panic!("{what} cannot be started: {error}"));
    wait(limit, &what, child)
}

/// Waits for the end of a program that was started as `what`. Returns what it has written to pipes that nobody else reads.
///
/// # Panics
/// It does not end within a minute.
#[track_caller]
pub fn of(what: &str, child: Child) -> Output {
    wait(LIMIT, what, child)
}

#[track_caller]
fn wait(limit: Duration, what: &str, child: Child) -> Output {
    let id = child.id();
    let ended = waiting::within_limit(limit, &format!("the end of {what}"), move || child.wait_with_output());
    match ended {
        Ok(output) => output.unwrap_or_else(|error| panic!("{what}: {error}")),
        Err(sentence) => {
            // It may end at this very moment.
            let _ = Command::new("kill").args(["-s", "KILL", &id.to_string()]).status();
            panic!("{sentence}")
        }
    }
}

/// A command as somebody would type it.
fn named(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy());
    iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::{panic, time::Instant};

    use super::*;

    #[test]
    fn a_program_that_hangs_is_killed_and_named() {
        let began = Instant::now();
        let mut hangs = Command::new("sh");
        hangs.args(["-c", "echo $$; exec sleep 3600"]);
        let child = hangs.stdout(Stdio::piped()).spawn().unwrap();
        let id = child.id();
        let limit = Duration::from_millis(100);
        let failed = panic::catch_unwind(|| wait(limit, "a program that hangs", child)).unwrap_err();
        let sentence = failed.downcast_ref::<String>().unwrap();
        assert!(sentence.ends_with("for the end of a program that hangs"), "{sentence}");
        let is_gone = || !Path::new(&format!("/proc/{id}")).exists();
        waiting::until("its end", is_gone).unwrap();
        assert!(began.elapsed() < LIMIT, "{:?}", began.elapsed());
    }

    #[test]
    fn more_than_a_pipe_holds_is_read() {
        let written =
            output(Command::new("sh").args(["-c", "head -c 1000000 /dev/zero; echo why >&2; exit 3"]));
        assert_eq!(
            (written.stdout.len(), written.stderr, written.status.code()),
            (1_000_000, b"why\n".to_vec(), Some(3))
        );
        assert_eq!(named(Command::new("/bin/sh").args(["-c", "true"])), "sh -c true");
    }
}

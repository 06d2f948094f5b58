//! The commands for operators, on a running or a stopped store: `store backup`, `store restore`, `store copy` and `store check`.

mod backup;
mod restore;
mod copy;
mod check;
mod databases;
mod exchange;
mod folders;
mod failure;

use std::{ffi::OsString, process::ExitCode, thread};

use chassis::{
    output,
    process::signals::{Parent, shutdown_signal, survive_file_size_limit},
    settings::command_line,
    storage::sqlite::Cancellation,
};
use clap::{ArgMatches, Command};
use tokio::sync::oneshot;

use self::failure::Failure;
use crate::member::Member;

/// Does what a command is for, with its arguments.
type Run = fn(&'static [Member], ArgMatches) -> ExitCode;

/// A command that changes files. The returned text says what it did.
type Work = fn(&'static [Member], &ArgMatches, &Cancellation) -> Result<String, Failure>;

fn commands(members: &'static [Member]) -> [(Command, Run); 4] {
    [
        (backup::command(members), |members, matches| cancellable(backup::run, members, matches)),
        (restore::command(members), |members, matches| cancellable(restore::run, members, matches)),
        (copy::command(members), |members, matches| match copy::check(members, &matches) {
            Ok(()) => cancellable(copy::run, members, matches),
            Err(code) => code,
        }),
        (check::command(members), check::run),
    ]
}

/// The commands, for the help of the store.
pub(crate) fn all(members: &'static [Member]) -> impl Iterator<Item = Command> {
    commands(members).into_iter().map(|(command, _)| command)
}

/// Runs a command with `arguments`, the first of which is the program's name, if the second is the name of one.
pub(crate) fn run(members: &'static [Member], arguments: &[OsString]) -> Option<ExitCode> {
    let named = arguments.get(1)?;
    let (command, run) = commands(members).into_iter().find(|(command, _)| named == command.get_name())?;
    let command = command.bin_name(format!("store {}", named.display()));
    let matches = command_line::parse(command, &arguments[1..], |matches| Ok(matches.clone()));
    Some(matches.map_or_else(|code| code, |matches| run(members, matches)))
}

/// Does `work`, and says what came of it.
fn cancellable(work: Work, members: &'static [Member], matches: ArgMatches) -> ExitCode {
    match until_cancelled(work, members, matches) {
        Ok(text) => {
            output::stdout(text);
            ExitCode::SUCCESS
        }
        Err(Failure { sentence, .. }) => {
            output::stderr(format!("store: {sentence}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Does `work` on a thread of its own, and cancels it at a signal that stops a program.
#[tokio::main(flavor = "current_thread")]
async fn until_cancelled(
    work: Work,
    members: &'static [Member],
    matches: ArgMatches,
) -> Result<String, Failure> {
    survive_file_size_limit();
    let mut stop = std::pin::pin!(shutdown_signal(Parent::None, || {})?);
    let cancellation = Cancellation::default();
    let (done, mut outcome) = oneshot::channel();
    let cancelled = cancellation.clone();
    thread::spawn(move || done.send(work(members, &matches, &cancelled)));
    let ended = |outcome: Result<_, _>| {
        outcome.unwrap_or_else(|_| Err(Failure::changed("it failed because of a bug: report this.")))
    };
    tokio::select! {
        done = &mut outcome => ended(done),
        signal = &mut stop => {
            cancellation.cancel();
            // A step that can no longer be cancelled ends in a moment.
            ended(outcome.await).map_err(|failure| match failure.is_unchanged {
                true => Failure::unchanged(format!("stopped by {signal}, and nothing was changed.")),
                false => failure,
            })
        }
    }
}

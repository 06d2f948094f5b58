//! What an operator does beside a running store, or one that is stopped: `store backup`, `store restore` and `store check`.

mod backup;
mod restore;
mod check;
mod databases;
mod folders;

use std::{ffi::OsString, process::ExitCode, thread};

use chassis::{
    output,
    process::signals::{Parent, shutdown_signal, survive_file_size_limit},
    settings::{StartupError, command_line},
    storage::sqlite::Cancellation,
};
use clap::Command;
use tokio::sync::oneshot;

use crate::member::Member;

/// The commands, for the help of the store.
pub(crate) fn all(members: &'static [Member]) -> [Command; 3] {
    [backup::command(members), restore::command(members), check::command(members)]
}

/// Runs a command with `arguments`, the first of which is the program's name, if the second is the name of one.
pub(crate) fn run(members: &'static [Member], arguments: &[OsString]) -> Option<ExitCode> {
    let named = arguments.get(1)?;
    let command = all(members).into_iter().find(|command| named == command.get_name())?;
    let name = command.get_name().to_owned();
    let command = command.bin_name(format!("store {name}"));
    let matches = match command_line::parse(command, &arguments[1..], |matches| Ok(matches.clone())) {
        Ok(matches) => matches,
        Err(code) => return Some(code),
    };
    let done = match name.as_str() {
        "backup" => cancellable(move |cancellation| backup::run(members, &matches, cancellation)),
        "restore" => cancellable(move |cancellation| restore::run(members, &matches, cancellation)),
        _ => return Some(check::run(members, &matches)),
    };
    Some(match done {
        Ok(text) => {
            output::stdout(text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            output::stderr(format!("store: {error}\n"));
            ExitCode::FAILURE
        }
    })
}

/// Does `work` on a thread of its own, and cancels it at a signal that stops a program.
#[tokio::main(flavor = "current_thread")]
async fn cancellable(
    work: impl FnOnce(&Cancellation) -> Result<String, StartupError> + Send + 'static,
) -> Result<String, StartupError> {
    survive_file_size_limit();
    let mut stop = std::pin::pin!(shutdown_signal(Parent::None, || {})?);
    let cancellation = Cancellation::default();
    let (done, mut outcome) = oneshot::channel();
    let cancelled = cancellation.clone();
    thread::spawn(move || done.send(work(&cancelled)));
    let ended = |outcome: Result<_, _>| {
        outcome.unwrap_or_else(|_| Err(StartupError::new("it failed, and nothing was changed.")))
    };
    tokio::select! {
        done = &mut outcome => ended(done),
        signal = &mut stop => {
            cancellation.cancel();
            // What cannot be cancelled any more is done in a moment.
            ended(outcome.await)
                .map_err(|_| StartupError::new(format!("stopped by {signal}, and nothing was changed.")))
        }
    }
}

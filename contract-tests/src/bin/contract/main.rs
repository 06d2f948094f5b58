//! The suite as a tool for any service that has an OpenAPI document: `contract --help`.

mod prove;
mod watch;
mod replay;
mod again;
mod compare;
mod example;
mod report;
mod har;
mod secrets;
mod selection;
mod kinds;
mod arguments;
mod output;

use std::{panic, process::ExitCode};

use clap::Parser;

use self::{
    arguments::{Arguments, Command},
    output::complain,
};

/// A check failed.
const FAILED: u8 = 1;

/// The test could not be run.
const STUCK: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // A bug of this program is reported in one sentence, like everything else that prevents a test.
    panic::set_hook(Box::new(|_| {}));
    let result = panic::catch_unwind(|| run(arguments.command));
    let result = result.unwrap_or_else(|cause| {
        let text = cause.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("no reason is known");
        Err(format!("this is a bug in `contract`, please report it: {text}"))
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(sentence) => {
            complain(&sentence);
            ExitCode::from(STUCK)
        }
    }
}

/// Whether everything passed, or why the test could not be run.
fn run(command: Command) -> Result<bool, String> {
    match command {
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Prove(arguments) => prove::run(&arguments),
        Command::Watch(arguments) => watch::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Again(arguments) => again::run(&arguments),
        Command::Example(arguments) => example::run(&arguments),
    }
}

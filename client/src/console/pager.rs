//! The pager for long lists on a terminal.

use std::{
    env,
    ffi::OsString,
    io::{self, IsTerminal, Write},
    process::{Child, Command, Stdio},
};

use anstream::AutoStream;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{
    code::Code,
    failure::Failure,
    waiting::{self, Line},
};

/// Quit if the list fits the screen, show colours, and leave it on the screen.
const LESS: (&str, &str) = ("LESS", "FRX");

/// The codes with which a shell says that it cannot run a program.
const NOT_RUN: [i32; 2] = [126, 127];

/// A pager that runs.
pub(super) struct Pager {
    child: Child,
    input: Option<AutoStream<Box<dyn Write + Send>>>,
    /// Ctrl-C is for the pager.
    _interrupts: Option<Signal>,
    /// The screen is the pager's.
    _line: Option<Line>,
}

impl Pager {
    /// Starts `$PAGER`, or `less`. None if the output is not a terminal, `PAGER` is empty or `less` is not installed.
    pub(super) fn start() -> Option<Self> {
        if !io::stdout().is_terminal() || waiting::is_dumb() {
            return None;
        }
        let mut command = match env::var_os("PAGER") {
            Some(pager) if pager.is_empty() || pager == "cat" => return None,
            Some(pager) => shell(pager),
            None => Command::new("less"),
        };
        if env::var_os(LESS.0).is_none() {
            command.env(LESS.0, LESS.1);
        }
        let _interrupts = signal(SignalKind::interrupt()).ok();
        let mut child = command.stdin(Stdio::piped()).spawn().ok()?;
        let input = child.stdin.take().map(|input| Box::new(input) as Box<dyn Write + Send>);
        let input = input.map(|input| AutoStream::new(input, anstream::stdout().current_choice()));
        Some(Self { child, input, _interrupts, _line: Line::claim() })
    }

    pub(super) fn write(&mut self, text: &str) -> Result<(), Failure> {
        match &mut self.input {
            Some(input) => input.write_all(text.as_bytes()).map_err(Failure::from),
            None => Ok(()),
        }
    }

    /// Waits until the customer leaves the pager.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        drop(self.input.take());
        let status = self.child.wait().map_err(Failure::from)?;
        if status.code().is_some_and(|code| NOT_RUN.contains(&code)) {
            let advice = "Set it to a program such as `less`, to nothing, or use --no-pager.";
            return Err(Failure::new(
                Code::InvalidSetting,
                "PAGER is not a program that can be run.",
                advice,
            ));
        }
        Ok(())
    }
}

impl Drop for Pager {
    /// After an error, the customer still reads what there is before it.
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// A command line, as `PAGER` may have arguments.
fn shell(line: OsString) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(line);
    command
}

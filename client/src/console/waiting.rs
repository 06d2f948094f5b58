//! Tells a customer at a terminal what the console is waiting for.

use std::{
    env,
    io::{self, IsTerminal},
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use tokio::time;

/// How long the console waits before it says so.
const SILENCE: Duration = Duration::from_millis(700);

/// How often the line is drawn.
const TICK: Duration = Duration::from_millis(120);

/// Whether a line on standard error is in use: there is one at a time.
static IS_IN_USE: AtomicBool = AtomicBool::new(false);

/// The line on standard error that shows progress, until it is dropped.
pub(super) struct Line(());

impl Line {
    /// The line, unless another piece of work has it.
    pub(super) fn claim() -> Option<Self> {
        (!IS_IN_USE.swap(true, Ordering::Relaxed)).then_some(Self(()))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        IS_IN_USE.store(false, Ordering::Relaxed);
    }
}

/// Whether the terminal can only print, and not move its cursor.
pub(super) fn is_dumb() -> bool {
    env::var_os("TERM").is_none_or(|terminal| terminal.is_empty() || terminal == "dumb")
}

/// Runs `work`. If it takes a while, a terminal shows that the console waits for `what`.
pub(super) async fn shown<T>(what: &str, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let Some(_line) = Line::claim().filter(|_| io::stderr().is_terminal()) else { return work.await };
    if let Ok(result) = time::timeout(SILENCE, &mut work).await {
        return result;
    }
    let message = format!("Waiting for {what} …");
    if is_dumb() {
        let _ = io::Write::write_all(&mut io::stderr(), format!("{message}\n").as_bytes());
        return work.await;
    }
    let style = ProgressStyle::with_template("{spinner} {wide_msg}");
    // Cleared also if the work is interrupted.
    let spinner = ProgressBar::new_spinner().with_message(message).with_finish(ProgressFinish::AndClear);
    spinner.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    spinner.enable_steady_tick(TICK);
    work.await
}

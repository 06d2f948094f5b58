//! Standard error, written by one thread in batches, so that no request waits for the log.
//!
//! `tracing-appender` writes each line immediately, which makes a read a seventh slower, and cannot stop at a deadline: while
//! nothing read the log, the stop took seconds longer.

use std::{
    io::{self, Write},
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// The time between two batches. Lines of the last one are lost if the process is killed.
const GATHER: Duration = Duration::from_millis(10);

/// The most bytes of lines that wait. Lines beyond it are dropped and counted.
const LIMIT: usize = 4 * 1024 * 1024;

/// How long the end of the process waits until the last lines are written.
const LAST_WORDS: Duration = Duration::from_secs(1);

static WAITING: Mutex<Waiting> =
    Mutex::new(Waiting { lines: Vec::new(), left_out: 0, is_writing: false, is_started: false });
static LINES_CAME: Condvar = Condvar::new();
static LINES_WENT: Condvar = Condvar::new();

struct Waiting {
    lines: Vec<u8>,
    left_out: u64,
    is_writing: bool,
    is_started: bool,
}

/// Takes the lines of events.
pub(super) struct Output;

impl Write for Output {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        write(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes a line.
pub(super) fn write(line: &[u8]) {
    let mut waiting = waiting();
    if waiting.lines.len() + line.len() > LIMIT {
        waiting.left_out += 1;
    } else {
        waiting.lines.extend_from_slice(line);
    }
    if !waiting.is_writing {
        drop(waiting);
        LINES_CAME.notify_one();
    }
}

/// Starts the thread that writes. Without one nothing is written.
pub(super) fn start() {
    let started = thread::Builder::new().name("log".into()).spawn(write_lines);
    waiting().is_started = started.is_ok();
}

/// Waits until all lines are written, but no longer than a second, and not beyond `until`.
pub fn flush(until: Instant) {
    let timeout = LAST_WORDS.min(until.saturating_duration_since(Instant::now()));
    let is_waiting =
        |waiting: &mut Waiting| waiting.is_started && (waiting.is_writing || !waiting.lines.is_empty());
    let _ = LINES_WENT.wait_timeout_while(waiting(), timeout, is_waiting);
}

fn write_lines() {
    let mut lines = Vec::new();
    loop {
        let mut idle = waiting();
        idle.is_writing = false;
        LINES_WENT.notify_all();
        let mut waiting = LINES_CAME
            .wait_while(idle, |waiting| waiting.lines.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        waiting.is_writing = true;
        mem::swap(&mut waiting.lines, &mut lines);
        let left_out = mem::take(&mut waiting.left_out);
        drop(waiting);

        let mut error = io::stderr().lock();
        // A log that cannot be written fails no request.
        let _ = error.write_all(&lines);
        if left_out > 0 {
            let _ = writeln!(error, "{left_out} lines were dropped because they were not read in time");
        }
        drop(error);
        lines.clear();
        thread::sleep(GATHER);
    }
}

fn waiting() -> MutexGuard<'static, Waiting> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

//! What a program tells whoever started it, on standard output and standard error. Nobody need take it: `println!` panics
//! then, and a pipe that nobody reads from holds up whoever writes to it.

use std::{
    io::{self, Write},
    sync::mpsc,
    thread,
    time::Duration,
};

/// How long is waited until somebody takes it.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Writes `text` to standard output, if somebody takes it.
pub fn out(text: impl Into<String>) {
    write(io::stdout(), text.into());
}

/// Writes `text` to standard error, if somebody takes it.
pub fn err(text: impl Into<String>) {
    write(io::stderr(), text.into());
}

fn write(mut output: impl Write + Send + 'static, text: String) {
    let (written, is_written) = mpsc::channel();
    let writing = thread::Builder::new().name("say".into()).spawn(move || {
        let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
        let _ = written.send(());
    });
    if writing.is_ok() {
        let _ = is_written.recv_timeout(TIMEOUT);
    }
}

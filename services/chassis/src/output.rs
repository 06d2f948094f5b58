//! Messages on standard output and standard error, which need no reader: `println!` panics when its reader is gone, and blocks
//! while a pipe is full.

use std::{
    io::{self, Write},
    sync::mpsc,
    thread,
    time::Duration,
};

/// How long a write may block.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Writes `text` to standard output. Returns after at most a second, whether it was read or not.
pub fn stdout(text: impl Into<String>) {
    write(io::stdout(), text.into());
}

/// Writes `text` to standard error. Returns after at most a second, whether it was read or not.
pub fn stderr(text: impl Into<String>) {
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

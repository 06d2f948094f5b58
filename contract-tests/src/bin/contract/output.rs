//! Output for people. If the reader closes the pipe, it has read enough.

use std::io::{self, Write};

/// Writes a line to standard output.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Writes a sentence to standard error.
pub(crate) fn complain(sentence: &str) {
    let _ = writeln!(io::stderr(), "contract: {sentence}");
}

/// `1 case`, `2 cases`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {what}{end}")
}

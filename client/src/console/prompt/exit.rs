//! How a prompt ends without input.

use std::io;

/// How a user leaves a prompt without an answer.
#[derive(Debug)]
pub(crate) enum Exit {
    /// Esc: back to where they came from.
    Back,
    /// Ctrl-D, or the terminal is gone: out of the program.
    Leave,
    /// Ctrl-C.
    Interrupted,
    /// The terminal cannot be drawn on.
    Failed(io::Error),
}

impl From<io::Error> for Exit {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

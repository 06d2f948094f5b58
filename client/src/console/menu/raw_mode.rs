//! The mode of the terminal between prompts.

use std::io;

use rustix::termios::{self, LocalModes, OptionalActions, Termios};

/// Keeps the terminal from echoing keys between prompts.
pub(super) struct RawMode {
    before: Termios,
}

impl RawMode {
    pub(super) fn new() -> io::Result<Self> {
        let before = termios::tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.local_modes -= LocalModes::ECHO | LocalModes::ICANON;
        termios::tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Drain, &self.before);
    }
}

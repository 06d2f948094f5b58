//! Prompts at a terminal: a line of text, and a choice from a list that can be searched.
//!
//! The libraries of prompts that exist have no key that clears the line, or cannot tell Esc from Ctrl-C. So the keys are read
//! with `console` and edited with `tui-input`, and only what is drawn is written here.

mod pick;
mod line;
mod frame;
mod keys;

use std::io;

pub(super) use self::{
    frame::{outro, title},
    line::line,
    pick::pick,
};

/// How a customer leaves a prompt without an answer.
#[derive(Debug)]
pub(super) enum Exit {
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

//! Prompts at a terminal: a line of text, and a choice from a list that can be searched.
//!
//! Existing prompt libraries have no key that clears the line, or cannot tell Esc from Ctrl-C. So `console` reads the keys,
//! `tui-input` edits the line, and only the drawing is our own code.

mod pick;
mod line;
mod frame;
mod keys;
mod exit;

pub(super) use self::{
    exit::Exit,
    frame::{outro, title},
    line::line,
    pick::pick,
};

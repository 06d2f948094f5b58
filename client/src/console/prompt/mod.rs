//! Prompts at a terminal: a line of text, and a choice from a list that can be searched.
//!
//! The libraries of prompts that exist have no key that clears the line, or cannot tell Esc from Ctrl-C. So the keys are read
//! with `console` and edited with `tui-input`, and only what is drawn is written here.

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

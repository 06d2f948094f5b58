//! What each key does.

use std::io;

use console::{Key, Term};
use tui_input::InputRequest;

use super::exit::Exit;

/// What a key does in a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Submit,
    Edit(InputRequest),
    /// Up or down by so many lines.
    Move(isize),
    /// Up or down by so many pages.
    Turn(isize),
    Nothing,
}

/// Waits for a key.
pub(super) fn read(terminal: &Term) -> Result<Action, Exit> {
    match terminal.read_key_raw() {
        Ok(Key::Escape) => Err(Exit::Back),
        Ok(Key::CtrlC) => Err(Exit::Interrupted),
        Ok(Key::Char('\u{4}')) => Err(Exit::Leave),
        Ok(key) => Ok(action(&key)),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(Exit::Interrupted),
        // The terminal is gone.
        Err(_) => Err(Exit::Leave),
    }
}

/// The keys of a shell.
fn action(key: &Key) -> Action {
    use InputRequest as Request;
    let request = match key {
        Key::Enter => return Action::Submit,
        Key::ArrowUp | Key::Char('\u{10}') => return Action::Move(-1),
        Key::ArrowDown | Key::Char('\u{e}') => return Action::Move(1),
        Key::PageUp => return Action::Turn(-1),
        Key::PageDown => return Action::Turn(1),
        Key::Backspace => Request::DeletePrevChar,
        Key::Del => Request::DeleteNextChar,
        Key::ArrowLeft | Key::Char('\u{2}') => Request::GoToPrevChar,
        Key::ArrowRight | Key::Char('\u{6}') => Request::GoToNextChar,
        Key::Home | Key::Char('\u{1}') => Request::GoToStart,
        Key::End | Key::Char('\u{5}') => Request::GoToEnd,
        Key::Char('\u{15}') => Request::DeleteLine,
        Key::Char('\u{b}') => Request::DeleteTillEnd,
        Key::Char('\u{17}') => Request::DeletePrevWord,
        Key::UnknownEscSeq(keys) if keys == &['b'] => Request::GoToPrevWord,
        Key::UnknownEscSeq(keys) if keys == &['f'] => Request::GoToNextWord,
        Key::Char(char) if !char.is_control() => Request::InsertChar(*char),
        _ => return Action::Nothing,
    };
    Action::Edit(request)
}

//! A prompt for a line of text, which is checked after every key.

use console::Style;
use tui_input::{Input, InputRequest};

use super::{
    exit::Exit,
    frame::{Frame, State, inner, with_cursor},
    keys::{self, Action},
};
use crate::console::escape::visible;

const HELP: &str = "Enter continues, Esc goes back, Ctrl-U clears the line";

/// The longest line. No field takes more.
const LONGEST: usize = 1000;

/// Prompts for a text that begins as `text`, until `parse` takes it. `hint` is shown while nothing is typed.
pub(crate) fn line<T>(
    question: &str,
    hint: &str,
    text: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<(String, T), Exit> {
    let mut frame = Frame::new()?;
    let mut input = Input::new(text.to_owned());
    let mut wrong = None;
    loop {
        let width = inner(frame.size().0);
        let body = match input.value() {
            "" => format!("{}{}", with_cursor(&input, width), Style::new().dim().apply_to(hint)),
            _ => with_cursor(&input, width),
        };
        let (state, footer) = match &wrong {
            Some(reason) => (State::Wrong, reason),
            None => (State::Active, &HELP.to_owned()),
        };
        frame.draw(state, question, &[body], footer)?;

        let submitted = match keys::read(&frame.terminal) {
            Ok(Action::Submit) => true,
            Ok(Action::Edit(InputRequest::InsertChar(_))) if input.value().len() >= LONGEST => false,
            Ok(Action::Edit(request)) => {
                input.handle(request);
                false
            }
            Ok(_) => false,
            Err(exit) => {
                frame.draw(State::Cancelled, question, &[visible(input.value())], "")?;
                return Err(exit);
            }
        };
        wrong = match parse(input.value()) {
            Ok(value) if submitted => {
                frame.draw(State::Done, question, &[visible(input.value())], "")?;
                return Ok((input.value().to_owned(), value));
            }
            Err(reason) if submitted || !input.value().is_empty() => Some(reason),
            _ => None,
        };
    }
}

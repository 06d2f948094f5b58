//! A prompt for a choice from a list, filtered by the text that the customer types.

use console::{Emoji, Style};
use tui_input::Input;

use super::{
    exit::Exit,
    frame::{Frame, State, inner, with_cursor},
    keys::{self, Action},
};

const CHOSEN: Emoji<'_, '_> = Emoji("●", ">");
const OTHER: Emoji<'_, '_> = Emoji("○", " ");

/// The lines of a screen that the list leaves free.
const OTHER_LINES: usize = 8;

/// The most lines of a list.
const MOST_LINES: usize = 16;

/// Prompts for one of `items`, beginning with the one at `start`. Each has a label; what is typed in `search` has to be in it.
/// The items that `more` returns for the search come after those that match it.
pub(crate) fn pick<T: Clone>(
    question: &str,
    help: &str,
    items: &[(T, String)],
    start: usize,
    search: &mut String,
    more: impl Fn(&str) -> Vec<(T, String)>,
) -> Result<T, Exit> {
    let mut frame = Frame::new()?;
    let mut input = Input::new(search.clone());
    let mut chosen = start;
    loop {
        let matching = matching(items, input.value());
        let more = more(input.value());
        let listed: Vec<&(T, String)> = matching.into_iter().chain(&more).collect();
        chosen = chosen.min(listed.len().saturating_sub(1));
        let (width, height) = frame.size();
        let height = height.saturating_sub(OTHER_LINES).clamp(1, MOST_LINES);

        let mut body = Vec::new();
        if !input.value().is_empty() {
            body.push(format!(
                "{} {}",
                Style::new().dim().apply_to("Search:"),
                with_cursor(&input, inner(width).saturating_sub(8))
            ));
        }
        let first = chosen.saturating_sub(height / 2).min(listed.len().saturating_sub(height));
        for (index, (_, label)) in listed.iter().enumerate().skip(first).take(height) {
            body.push(match index == chosen {
                true => format!("{} {label}", Style::new().green().apply_to(CHOSEN)),
                false => Style::new().dim().apply_to(format!("{OTHER} {label}")).to_string(),
            });
        }
        if listed.is_empty() {
            body.push("Nothing matches.".into());
        } else if listed.len() > height {
            body.push(Style::new().dim().apply_to(format!("{} of {}", chosen + 1, listed.len())).to_string());
        }
        frame.draw(State::Active, question, &body, help)?;

        let moved = |by: isize| chosen.saturating_add_signed(by);
        match keys::read(&frame.terminal) {
            Ok(Action::Submit) => {
                if let Some((value, label)) = listed.get(chosen) {
                    frame.draw(State::Done, question, std::slice::from_ref(label), "")?;
                    *search = input.value().to_owned();
                    return Ok(value.clone());
                }
            }
            Ok(Action::Move(by)) => chosen = moved(by),
            Ok(Action::Turn(by)) => chosen = moved(by * height as isize),
            Ok(Action::Edit(request)) => {
                if input.handle(request).is_some_and(|change| change.value) {
                    chosen = 0;
                }
            }
            Ok(Action::Nothing) => {}
            Err(exit) => {
                frame.draw(State::Cancelled, question, &[], "")?;
                return Err(exit);
            }
        }
    }
}

/// The items that have all words of `search`, in any case.
fn matching<'a, T>(items: &'a [(T, String)], search: &str) -> Vec<&'a (T, String)> {
    let words: Vec<String> = search.split_whitespace().map(str::to_lowercase).collect();
    let has_all = |label: &str| {
        let label = label.to_lowercase();
        words.iter().all(|word| label.contains(word.as_str()))
    };
    items.iter().filter(|(_, label)| has_all(label)).collect()
}

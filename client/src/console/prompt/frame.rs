//! The lines that a prompt draws and redraws.

use std::io;

use console::{Emoji, Style, Term, measure_text_width, truncate_str};
use textwrap::{Options, WordSplitter};
use tui_input::{Input, InputRequest};

use crate::console::escape::visible;

const START: Emoji<'_, '_> = Emoji("┌", "T");
const BAR: Emoji<'_, '_> = Emoji("│", "|");
const END: Emoji<'_, '_> = Emoji("└", "-");

/// The width of the margin before each line.
const MARGIN: usize = 3;

/// The state of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Active,
    Wrong,
    Done,
    Cancelled,
}

impl State {
    fn symbol(self) -> Emoji<'static, 'static> {
        match self {
            Self::Active => Emoji("◆", "*"),
            Self::Wrong => Emoji("▲", "!"),
            Self::Done => Emoji("◇", "o"),
            Self::Cancelled => Emoji("■", "x"),
        }
    }

    fn style(self) -> Style {
        match self {
            Self::Active => Style::new().cyan(),
            Self::Wrong => Style::new().yellow(),
            Self::Done => Style::new().green(),
            Self::Cancelled => Style::new().red(),
        }
    }
}

/// What a prompt has drawn. The cursor of the terminal is hidden until this is dropped.
pub(super) struct Frame {
    pub(super) terminal: Term,
    lines: usize,
}

impl Frame {
    pub(super) fn new() -> io::Result<Self> {
        let terminal = Term::buffered_stderr();
        terminal.hide_cursor()?;
        Ok(Self { terminal, lines: 0 })
    }

    /// The columns and lines of the terminal.
    pub(super) fn size(&self) -> (usize, usize) {
        let (lines, columns) = self.terminal.size();
        (columns.into(), lines.into())
    }

    /// Replaces what is drawn by a question, `body` and a footer.
    pub(super) fn draw(
        &mut self,
        state: State,
        question: &str,
        body: &[String],
        footer: &str,
    ) -> io::Result<()> {
        let (width, _) = self.size();
        let style = state.style();
        let bar = |text: &str| {
            truncate_str(format!("{}  {text}", style.apply_to(BAR)).trim_end(), width, "…").into_owned()
        };
        let mut lines = vec![format!("{}  {question}", style.apply_to(state.symbol()))];
        lines.extend(body.iter().map(|line| bar(line)));
        match state {
            State::Active | State::Wrong => {
                let options = Options::new(width.saturating_sub(MARGIN).max(1));
                let footer = textwrap::wrap(footer, options.word_splitter(WordSplitter::NoHyphenation));
                let margins = [END.to_string()].into_iter().chain(std::iter::repeat(" ".to_owned()));
                let style = if state == State::Wrong { style } else { Style::new().dim() };
                lines.extend(margins.zip(&footer).map(|(margin, line)| {
                    format!("{}  {}", state.style().apply_to(margin), style.apply_to(line))
                }));
            }
            State::Done | State::Cancelled => lines.push(bar("")),
        }
        self.terminal.clear_last_lines(self.lines)?;
        self.lines = lines.len();
        self.terminal.write_line(&lines.join("\n"))?;
        self.terminal.flush()
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        let _ = self.terminal.show_cursor();
        let _ = self.terminal.flush();
    }
}

/// The part of `input` that fits `width` columns, with its cursor.
pub(super) fn with_cursor(input: &Input, width: usize) -> String {
    let mut next = input.clone();
    next.handle(InputRequest::GoToNextChar);
    let chars: Vec<char> = input.value().chars().collect();
    let text = |range: &[char]| visible(&range.iter().collect::<String>());
    let (mut left, rest) = chars.split_at(input.cursor());
    let (current, right) = rest.split_at(next.cursor() - input.cursor());
    let cursor = match (console::colors_enabled(), current) {
        (true, []) => Style::new().reverse().apply_to(" ".to_owned()).to_string(),
        (true, current) => Style::new().reverse().apply_to(text(current)).to_string(),
        (false, current) => format!("|{}", text(current)),
    };
    while measure_text_width(&text(left)) + measure_text_width(&cursor) > width && !left.is_empty() {
        left = &left[1..];
    }
    truncate_str(&format!("{}{cursor}{}", text(left), text(right)), width, "").into_owned()
}

/// The columns beside the margin, of a terminal with `width` columns.
pub(super) fn inner(width: usize) -> usize {
    width.saturating_sub(MARGIN).max(1)
}

/// Opens a series of prompts.
pub(crate) fn title(text: &str) -> io::Result<()> {
    let bar = Style::new().dim();
    Term::stderr().write_line(&format!("{}  {text}\n{}", bar.apply_to(START), bar.apply_to(BAR)))
}

/// Closes a series of prompts.
pub(crate) fn outro(text: &str) -> io::Result<()> {
    Term::stderr().write_line(&format!("{}  {text}", Style::new().dim().apply_to(END)))
}

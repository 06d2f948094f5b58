//! Output for people and for scripts.

use std::io::{self, IsTerminal, Write};

use clap::builder::styling::{AnsiColor, Style};
use console::Term;
use serde_json::Value;
use textwrap::{Options, WordSplitter};

use super::{code::Code, escape::visible, failure::Failure, pager::Pager, record::Record, table::Layout};

const WRONG: Style = AnsiColor::Red.on_default().bold();
const ASIDE: Style = Style::new().dimmed();

/// The longest readable line of text.
const READABLE: usize = 100;

/// Prints one record.
pub(super) fn one(record: &Record, json: bool) -> Result<(), Failure> {
    match json {
        true => out(&format!("{:#}\n", Value::Object(record.clone()))),
        false => out(&Layout::of_output().page(std::slice::from_ref(record))),
    }
}

/// Prints one record for people, wherever the output goes.
pub(super) fn table(record: &Record) -> Result<(), Failure> {
    out(&Layout::of_people().page(std::slice::from_ref(record)))
}

/// Prints a list as it arrives, and keeps at most a page of it.
pub(super) struct List {
    json: bool,
    layout: Layout,
    fields: &'static [&'static str],
    printed: u64,
    is_paged: bool,
    pager: Option<Pager>,
}

impl List {
    /// A list of records with `fields`.
    pub(super) fn new(fields: &'static [&'static str], json: bool) -> Self {
        Self { json, layout: Layout::of_output(), fields, printed: 0, is_paged: false, pager: None }
    }

    /// Shows the list in the customer's pager, if the output is a terminal.
    pub(super) fn paged(self) -> Self {
        Self { is_paged: true, ..self }
    }

    /// Prints a page of the list. `false` means that the reader has seen enough.
    pub(super) fn page(&mut self, records: &[Record]) -> Result<bool, Failure> {
        if records.is_empty() {
            return Ok(true);
        }
        let text = match self.json {
            true => {
                let first = if self.printed == 0 { "[\n" } else { ",\n" };
                let lines: Vec<String> =
                    records.iter().map(|record| Value::Object(record.clone()).to_string()).collect();
                first.to_owned() + &lines.join(",\n")
            }
            false => self.layout.page(records),
        };
        self.printed += records.len() as u64;
        self.print(&text)
    }

    pub(super) fn end(mut self) -> Result<(), Failure> {
        let end = match (self.json, self.printed) {
            (true, 0) => "[]\n".to_owned(),
            (true, _) => "\n]\n".to_owned(),
            (false, 0) => self.layout.nothing(self.fields),
            (false, _) => String::new(),
        };
        self.print(&end)?;
        self.pager.take().map_or(Ok(()), |mut pager| pager.end())
    }

    fn print(&mut self, text: &str) -> Result<bool, Failure> {
        if std::mem::take(&mut self.is_paged) {
            self.pager = Pager::start();
        }
        let result = match &mut self.pager {
            Some(pager) => pager.write(text),
            None => return out(text).map(|()| true),
        };
        match result {
            Err(failure) if failure.code == Code::OutputClosed => Ok(false),
            result => result.map(|()| true),
        }
    }
}

/// Prints a failure to standard error.
pub(super) fn failure(failure: &Failure, json: bool) {
    if failure.code == Code::OutputClosed {
        return;
    }
    let text = if json { format!("{}\n", failure.json()) } else { in_words(failure) };
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Prints what a customer should know to standard error.
pub(super) fn aside(text: &str) {
    let width = io::stderr().is_terminal().then(|| (Term::stderr().size().1 as usize).min(READABLE));
    let _ = anstream::stderr().lock().write_all(paragraph(ASIDE, text, width).as_bytes());
}

/// A failure for people.
pub(super) fn in_words(failure: &Failure) -> String {
    let width = io::stderr().is_terminal().then(|| (Term::stderr().size().1 as usize).min(READABLE));
    let mut text = paragraph(WRONG, &failure.sentence, width);
    if !failure.advice.is_empty() {
        text += &paragraph(Style::new(), &failure.advice, width);
    }
    if let Some(id) = failure.trace_to_look_for() {
        text += &paragraph(ASIDE, &format!("Look for trace {id} in the logs."), width);
    }
    text
}

/// Wraps `text` to `width`, if there is one.
fn paragraph(style: Style, text: &str, width: Option<usize>) -> String {
    let text = visible(text);
    let lines = match width {
        // Commands and ids are not broken at hyphens, so that they can be copied.
        Some(width) => textwrap::fill(&text, Options::new(width).word_splitter(WordSplitter::NoHyphenation)),
        None => text,
    };
    lines.lines().map(|line| format!("{style}{line}{style:#}\n")).collect()
}

/// Prints `text`, wrapped.
pub(super) fn say(style: Style, text: &str) -> Result<(), Failure> {
    let width = io::stdout().is_terminal().then(|| (Term::stdout().size().1 as usize).min(READABLE));
    out(&paragraph(style, text, width))
}

/// Prints `text` as it is, with colours only if the output shows them.
pub(super) fn out(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(Failure::from)
}

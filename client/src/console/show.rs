//! Output for people and for scripts.

use std::io::{self, IsTerminal, Write};

use clap::builder::styling::{AnsiColor, Style};
use console::Term;
use serde_json::Value;
use textwrap::{Options, WordSplitter};

use super::{
    escape::visible,
    failure::{Failure, Kind},
    record::Record,
    table::Layout,
};

const WRONG: Style = AnsiColor::Red.on_default().bold();
const ASIDE: Style = Style::new().dimmed();

/// The longest readable line of text.
const READABLE: usize = 100;

/// Prints one record.
pub(super) fn one(record: &Record, json: bool) -> Result<(), Failure> {
    match json {
        true => out(&format!("{:#}\n", Value::Object(record.clone()))),
        false => out(&Layout::of_terminal().table(std::slice::from_ref(record))),
    }
}

/// Prints a list as it arrives, and keeps at most a page of it.
pub(super) struct List {
    json: bool,
    layout: Layout,
    printed: u64,
}

impl List {
    pub(super) fn new(json: bool) -> Self {
        Self { json, layout: Layout::of_terminal(), printed: 0 }
    }

    pub(super) fn page(&mut self, records: &[Record]) -> Result<(), Failure> {
        if records.is_empty() {
            return Ok(());
        }
        let text = match self.json {
            true => {
                let first = if self.printed == 0 { "[\n" } else { ",\n" };
                let lines: Vec<String> =
                    records.iter().map(|record| Value::Object(record.clone()).to_string()).collect();
                first.to_owned() + &lines.join(",\n")
            }
            false => self.layout.table(records),
        };
        self.printed += records.len() as u64;
        out(&text)
    }

    pub(super) fn end(self) -> Result<(), Failure> {
        match (self.json, self.printed) {
            (true, 0) => out("[]\n"),
            (true, _) => out("\n]\n"),
            (false, 0) => out("The list is empty.\n"),
            (false, _) => Ok(()),
        }
    }
}

/// Prints a failure to standard error.
pub(super) fn failure(failure: &Failure, json: bool) {
    if failure.kind == Kind::OutputClosed {
        return;
    }
    let text = if json { format!("{}\n", failure.json()) } else { in_words(failure) };
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// A failure for people.
pub(super) fn in_words(failure: &Failure) -> String {
    let width = io::stderr().is_terminal().then(|| (Term::stderr().size().1 as usize).min(READABLE));
    let mut text = paragraph(WRONG, &failure.sentence, width);
    if !failure.advice.is_empty() {
        text += &paragraph(Style::new(), &failure.advice, width);
    }
    if let Some(id) = &failure.trace_id {
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

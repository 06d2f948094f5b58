//! Answers for people and for machines.

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

/// Lines of text are no longer than this, since nobody likes to read longer ones.
const READABLE: usize = 100;

/// Prints one answer.
pub(super) fn one(record: &Record, json: bool) -> Result<(), Failure> {
    match json {
        true => out(&format!("{:#}\n", Value::Object(record.clone()))),
        false => out(&Layout::of_terminal().table(std::slice::from_ref(record))),
    }
}

/// Prints a list as it arrives, and holds no more than a page of it.
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
            (false, 0) => out("There are none.\n"),
            (false, _) => Ok(()),
        }
    }
}

/// Tells why something was not done.
pub(super) fn failure(failure: &Failure, json: bool) {
    if failure.kind == Kind::Unread {
        return;
    }
    let text = if json { format!("{}\n", failure.json()) } else { told(failure) };
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Why something was not done, for people.
pub(super) fn told(failure: &Failure) -> String {
    let width = io::stderr().is_terminal().then(|| (Term::stderr().size().1 as usize).min(READABLE));
    let mut text = paragraph(WRONG, &failure.sentence, width);
    if !failure.advice.is_empty() {
        text += &paragraph(Style::new(), &failure.advice, width);
    }
    if let Some(id) = &failure.trace_id {
        text += &paragraph(ASIDE, &format!("The logs know this as trace {id}."), width);
    }
    text
}

/// `text` in lines that fit, if there is a width to fit in.
fn paragraph(style: Style, text: &str, width: Option<usize>) -> String {
    let text = visible(text);
    let lines = match width {
        // What one may copy, such as a command or an id, is not broken at its hyphens.
        Some(width) => textwrap::fill(&text, Options::new(width).word_splitter(WordSplitter::NoHyphenation)),
        None => text,
    };
    lines.lines().map(|line| format!("{style}{line}{style:#}\n")).collect()
}

/// Says `text` in lines that fit.
pub(super) fn say(style: Style, text: &str) -> Result<(), Failure> {
    let width = io::stdout().is_terminal().then(|| (Term::stdout().size().1 as usize).min(READABLE));
    out(&paragraph(style, text, width))
}

/// Prints `text` as it is, but without its colours where nobody sees them.
pub(super) fn out(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(Failure::from)
}

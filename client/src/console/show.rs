//! Answers for people and for machines.

use std::{
    io::{self, IsTerminal, Write},
    iter,
};

use clap::builder::styling::{AnsiColor, Style};
use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width, presets,
};
use console::Term;
use serde_json::Value;
use textwrap::WordSplitter;

use super::{
    failure::{Failure, Kind},
    record::Record,
};

const STRONG: Style = Style::new().bold();
const WRONG: Style = AnsiColor::Red.on_default().bold();
const ASIDE: Style = Style::new().dimmed();

/// A table with a line below its header.
const RULED: TableStyle = presets::NOTHING.header_separator(LineStyle::none().fill('─').junction('─'));

/// How many characters columns are apart.
const GAP: u16 = 2;

/// A column in which a text is broken into lines has as many characters at least.
const READABLE_COLUMN: u16 = 12;

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

/// How a table is laid out: its pages have columns of the same width.
struct Layout {
    /// The width of the terminal, if it goes to one.
    terminal: Option<u16>,
    /// The widths of the columns so far, once there is a page.
    widths: Option<Vec<u16>>,
}

impl Layout {
    fn of_terminal() -> Self {
        let terminal = io::stdout().is_terminal().then(|| Term::stdout().size().1);
        Self { terminal, widths: None }
    }

    /// A row for each record, a column for each field, and a header if it is the first page.
    fn table(&mut self, records: &[Record]) -> String {
        let fields = &records[0];
        let mut table = Table::new();
        table.load_style(if self.terminal.is_some() { RULED } else { presets::NOTHING });
        if self.widths.is_none() {
            table.set_header(fields.keys());
        }
        table.add_rows(records.iter().map(|record| record.values().map(cell)));

        // Where there is a line below the header, columns are a character apart already.
        let gap = if self.terminal.is_some() { GAP - 1 } else { GAP };
        let gaps = (1..fields.len()).map(|_| gap).chain([0]);
        for ((column, name), gap) in table.column_iter_mut().zip(fields.keys()).zip(gaps.clone()) {
            column.set_padding((0, gap));
            if records.iter().any(|record| record[name].is_number()) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }

        let mut widths = table.column_max_content_widths();
        if let Some(before) = &self.widths {
            iter::zip(&mut widths, before).for_each(|(width, before)| *width = *before.max(width));
        }
        let all = widths.iter().sum::<u16>() + GAP * (fields.len() as u16 - 1);
        let widest = widths.iter().copied().max().unwrap_or(0);
        let missing = self.terminal.map_or(0, |terminal| all.saturating_sub(terminal));
        if widest.saturating_sub(missing) < READABLE_COLUMN.min(widest) {
            return self.cards(records);
        }
        // Only the widest column gives way, and its cells have more lines then.
        let constraints = widths.iter().zip(gaps).map(|(width, gap)| match *width == widest {
            true => ColumnConstraint::Absolute(Width::Fixed(width - missing + gap)),
            false => ColumnConstraint::LowerBoundary(Width::Fixed(width + gap)),
        });
        table.set_constraints(constraints);
        let has_header = self.widths.replace(widths).is_none();
        self.decorate(&table.trim_fmt(), has_header)
    }

    /// A line for each field, where there is no room for a column for each.
    fn cards(&self, records: &[Record]) -> String {
        let card = |record: &Record| {
            let mut table = Table::new();
            table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
            if let Some(terminal) = self.terminal {
                table.set_width(terminal);
            }
            table.add_rows(record.iter().map(|(name, value)| [name.clone(), cell(value)]));
            for (column, gap) in table.column_iter_mut().zip([GAP, 0]) {
                column.set_padding((0, gap));
            }
            table.trim_fmt() + "\n\n"
        };
        records.iter().map(card).collect()
    }

    /// The header stands out where there is a line below it.
    fn decorate(&self, table: &str, has_header: bool) -> String {
        let mut is_header = has_header && self.terminal.is_some();
        let mut text = String::new();
        for line in table.lines() {
            is_header &= !line.starts_with('─');
            match is_header {
                true => text += &format!("{STRONG}{line}{STRONG:#}\n"),
                false => text += &format!("{line}\n"),
            }
        }
        text
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => visible(text),
        Value::Null => "-".into(),
        other => other.to_string(),
    }
}

/// `text` in which nothing is obeyed by a terminal: what controls it, or turns the order of letters, is shown.
pub(super) fn visible(text: &str) -> String {
    let is_obeyed = |char: char| {
        char.is_control()
            || matches!(char, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        match is_obeyed(char) {
            true => shown.extend(char.escape_default()),
            false => shown.push(char),
        }
    }
    shown
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
    if let Some(id) = &failure.request_id {
        text += &paragraph(ASIDE, &format!("Its log knows this as request {id}."), width);
    }
    text
}

/// `text` in lines that fit, if there is a width to fit in.
fn paragraph(style: Style, text: &str, width: Option<usize>) -> String {
    let text = visible(text);
    let lines = match width {
        // What one may copy, such as a command or an id, is not broken at its hyphens.
        Some(width) => {
            textwrap::fill(&text, textwrap::Options::new(width).word_splitter(WordSplitter::NoHyphenation))
        }
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

//! Tables: for people, columns that fit the terminal; for programs, fields separated by tabs.

use std::{
    io::{self, IsTerminal},
    iter,
};

use clap::builder::styling::Style;
use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width, presets,
};
use console::Term;
use serde_json::Value;

use super::{escape::visible, record::Record};

const STRONG: Style = Style::new().bold();

/// A table with a line below its header.
const RULED: TableStyle = presets::NOTHING.header_separator(LineStyle::none().fill('─').junction('─'));

/// The gap between columns.
const GAP: u16 = 2;

/// The least width of a column whose text is wrapped.
const READABLE_COLUMN: u16 = 12;

/// The layout of a table.
pub(super) enum Layout {
    /// A header, then a line for each record, whose fields are separated by a tab. `bool`: whether the header is printed.
    Tabs(bool),
    Columns(Columns),
}

impl Layout {
    /// Columns for a terminal, tabs for a file or a pipe.
    pub(super) fn of_output() -> Self {
        match io::stdout().is_terminal() {
            true => Self::of_people(),
            false => Self::Tabs(false),
        }
    }

    pub(super) fn of_people() -> Self {
        let terminal = io::stdout().is_terminal().then(|| Term::stdout().size().1);
        Self::Columns(Columns { terminal, widths: None })
    }

    /// Some records, with a header on the first page.
    pub(super) fn page(&mut self, records: &[Record]) -> String {
        match self {
            Self::Columns(columns) => columns.table(records),
            Self::Tabs(has_header) => {
                let names = records.first().map(|record| record.keys().cloned().collect());
                let header = names.filter(|_| !std::mem::replace(has_header, true));
                let rows = records.iter().map(|record| record.values().map(cell).collect());
                let lines = header.into_iter().chain(rows);
                lines.map(|cells: Vec<String>| cells.join("\t") + "\n").collect()
            }
        }
    }

    /// A list without records, which would have had `fields`.
    pub(super) fn nothing(&self, fields: &[&str]) -> String {
        match self {
            Self::Columns(_) => "The list is empty.\n".into(),
            Self::Tabs(_) => fields.join("\t") + "\n",
        }
    }
}

/// Columns. All pages have the same.
pub(super) struct Columns {
    /// The width of the terminal, if the output is one.
    terminal: Option<u16>,
    /// The widths of the columns, after the first page.
    widths: Option<Vec<u16>>,
}

impl Columns {
    /// A row for each record, a column for each field, and a header on the first page.
    fn table(&mut self, records: &[Record]) -> String {
        let fields = &records[0];
        let mut table = Table::new();
        table.load_style(if self.terminal.is_some() { RULED } else { presets::NOTHING });
        if self.widths.is_none() {
            table.set_header(fields.keys());
        }
        table.add_rows(records.iter().map(|record| record.values().map(cell)));

        // The line below the header adds a character between columns.
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
        let gaps_in_all = GAP * (fields.len() as u16 - 1);
        let all = widths.iter().fold(gaps_in_all, |all, width| all.saturating_add(*width));
        let widest = widths.iter().copied().max().unwrap_or(0);
        let missing = self.terminal.map_or(0, |terminal| all.saturating_sub(terminal));
        if widest.saturating_sub(missing) < READABLE_COLUMN.min(widest) {
            return self.cards(records);
        }
        // Only the widest column shrinks, and its cells are wrapped.
        let constraints = widths.iter().zip(gaps).map(|(width, gap)| match *width == widest {
            true => ColumnConstraint::Absolute(Width::Fixed(width - missing + gap)),
            false => ColumnConstraint::LowerBoundary(Width::Fixed(width + gap)),
        });
        table.set_constraints(constraints);
        let has_header = self.widths.replace(widths).is_none();
        self.decorate(&table.trim_fmt(), has_header)
    }

    /// A line for each field, for terminals that are too narrow for columns.
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

    /// Prints the header in bold if a line is below it.
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

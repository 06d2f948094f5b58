//! Answers for people and for machines.

use std::io::{self, Write};

use serde_json::Value;

/// Prints an answer: as JSON, or as a table. Whoever reads it may stop reading.
pub(super) fn print(answer: &Value, json: bool) {
    let text = if json { format!("{answer:#}\n") } else { table(answer) };
    let _ = io::stdout().write_all(text.as_bytes());
}

/// A row for each object, a column for each field.
pub(super) fn table(answer: &Value) -> String {
    let rows = match answer {
        Value::Array(rows) if rows.is_empty() => return "There are none.\n".into(),
        Value::Array(rows) => rows.as_slice(),
        row => std::slice::from_ref(row),
    };
    let names: Vec<&String> = rows[0].as_object().into_iter().flat_map(|row| row.keys()).collect();
    let columns: Vec<Vec<String>> = names
        .iter()
        .map(|name| {
            std::iter::once((*name).clone()).chain(rows.iter().map(|row| cell(&row[*name]))).collect()
        })
        .collect();
    let widths: Vec<usize> = columns
        .iter()
        .map(|column| column.iter().map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let mut table = String::new();
    for index in 0..=rows.len() {
        let cells = columns.iter().zip(&widths).map(|(column, width)| format!("{:<width$}", column[index]));
        table += cells.collect::<Vec<_>>().join("  ").trim_end();
        table += "\n";
    }
    table
}

/// A value in a line: control characters are shown, not obeyed.
fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text
            .chars()
            .flat_map(|char| match char.is_control() {
                true => char.escape_default().collect::<Vec<_>>(),
                false => vec![char],
            })
            .collect(),
        other => other.to_string(),
    }
}

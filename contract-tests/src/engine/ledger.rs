//! The ledger: every documented response, and how often it was seen on the wire.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use serde::Serialize;

use crate::engine::contract::{CONTRACT, Operation};

/// The documented answers that need not be seen.
const WAIVERS: &str = include_str!("../../waivers.txt");

/// What was seen, by operation, status and text.
#[derive(Debug, Default)]
pub struct Ledger {
    seen: BTreeMap<(String, u16, Option<String>), usize>,
}

/// A documented answer.
#[derive(Debug, Serialize)]
pub struct Row {
    service: &'static str,
    operation: String,
    status: u16,
    /// The exact error text of a refusal.
    text: Option<String>,
    /// How often it was seen.
    seen: usize,
    /// Whether it is known that no request can provoke it.
    waived: bool,
}

impl Row {
    fn name(&self) -> String {
        let Self { service, operation, status, text, .. } = self;
        format!("{service} {operation} {status} {}", text.as_deref().unwrap_or_default())
            .trim_end()
            .to_owned()
    }

    fn verdict(&self) -> &'static str {
        match (self.seen, self.waived) {
            (0, false) => "never seen",
            (0, true) => "waived",
            (_, false) => "seen",
            (_, true) => "seen, yet waived",
        }
    }

    fn is_fine(&self) -> bool {
        (self.seen == 0) == self.waived
    }
}

impl Ledger {
    /// Writes down that `operation` gave this answer.
    pub fn record(&mut self, operation: &Operation, status: u16, text: Option<String>) {
        *self.seen.entry((operation.id.clone(), status, text)).or_default() += 1;
    }

    /// Every documented answer.
    pub fn rows(&self) -> Vec<Row> {
        let waivers: Vec<&str> = waivers().collect();
        let mut rows = Vec::new();
        for operation in CONTRACT.operations() {
            for (status, documented) in &operation.answers {
                let texts: Vec<Option<String>> = match documented.texts.as_slice() {
                    [] => vec![None],
                    texts => texts.iter().cloned().map(Some).collect(),
                };
                for text in texts {
                    let key = (operation.id.clone(), *status, text);
                    let seen = self.seen.get(&key).copied().unwrap_or_default();
                    let (operation_id, status, text) = key;
                    let mut row = Row {
                        service: operation.service,
                        operation: operation_id,
                        status,
                        text,
                        seen,
                        waived: false,
                    };
                    row.waived = waivers.contains(&row.name().as_str());
                    rows.push(row);
                }
            }
        }
        rows
    }

    /// What is wrong: documented answers that were never seen, and waivers that are not needed.
    pub fn complaints(&self) -> Vec<String> {
        let rows = self.rows();
        let unfit =
            rows.iter().filter(|row| !row.is_fine()).map(|row| format!("{}: {}", row.verdict(), row.name()));
        let unknown = waivers().filter(|waiver| !rows.iter().any(|row| row.name() == *waiver));
        unfit.chain(unknown.map(|waiver| format!("waived but not documented: {waiver}"))).collect()
    }

    /// The ledger as a table for a terminal.
    pub fn table(&self) -> String {
        let rows = self.rows();
        let mut table = String::new();
        let mut last = String::new();
        for row in &rows {
            let operation = format!("{} {}", row.service, row.operation);
            let shown = if operation == last { "" } else { &operation };
            let text = row.text.as_deref().unwrap_or("");
            let _ =
                writeln!(table, "{shown:<25} {} {text:<32} {:>5}  {}", row.status, row.seen, row.verdict());
            last = operation;
        }
        let seen = rows.iter().filter(|row| row.seen > 0).count();
        let waived = rows.iter().filter(|row| row.waived).count();
        let _ = writeln!(table, "{} documented answers: {seen} seen, {waived} waived", rows.len());
        table
    }

    /// Leaves the ledger in `folder`, for machines and for people.
    ///
    /// # Panics
    /// It cannot be written there.
    pub fn write(&self, folder: &Path) {
        let rows = self.rows();
        let json = serde_json::to_string_pretty(&rows).expect("JSON");
        fs::write(folder.join("ledger.json"), json).expect("the ledger is written");
        fs::write(folder.join("index.html"), page(&rows)).expect("the page is written");
    }
}

fn waivers() -> impl Iterator<Item = &'static str> {
    WAIVERS.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn page(rows: &[Row]) -> String {
    let mut sections = String::new();
    for operation in CONTRACT.operations() {
        let Operation { service, id, method, template, .. } = operation;
        let _ = write!(
            sections,
            "<section><h2><b class=\"{}\">{method}</b> {template} <small>{service} · {id}</small></h2><table>",
            method.to_lowercase()
        );
        for row in rows.iter().filter(|row| row.operation == *id) {
            let text = row.text.as_deref().unwrap_or("as its schema says");
            let verdict = row.verdict();
            let class = verdict.replace([',', ' '], "-");
            let _ = write!(
                sections,
                "<tr class=\"{class}\"><td>{}<td>{text}<td>{}<td><span>{verdict}</span></tr>",
                row.status, row.seen
            );
        }
        sections += "</table></section>";
    }
    let seen = rows.iter().filter(|row| row.seen > 0).count();
    let waived = rows.iter().filter(|row| row.waived).count();
    include_str!("ledger.html")
        .replace("{sections}", &sections)
        .replace("{seen}", &seen.to_string())
        .replace("{waived}", &waived.to_string())
        .replace("{all}", &rows.len().to_string())
}

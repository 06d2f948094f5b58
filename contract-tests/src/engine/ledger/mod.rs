//! The ledger: every documented response and every facet of an operation, and how often each was seen on the wire.

mod page;
mod row;

use std::{collections::BTreeMap, fmt::Write as _, fs, io, path::Path};

use serde_json::json;

use self::row::{Facet, Row};
use crate::engine::{
    contract::{CONTRACT, Operation},
    exchange::{Request, Response},
    facets,
    subject::subject,
};

/// For machines.
const FILE: &str = "ledger.json";
/// For people.
const PAGE: &str = "index.html";

/// The counts of responses, by operation, documented status, and error message.
#[derive(Debug, Default)]
pub struct Ledger {
    seen: BTreeMap<(Key, String, Option<String>), usize>,
    /// Those that are not as documented, in all but the status.
    wrong: BTreeMap<(Key, String, Option<String>), usize>,
    /// The same for facets, by operation and name.
    facets: BTreeMap<(Key, String), usize>,
}

/// A service and an operation of it.
type Key = (&'static str, String);

fn key(operation: &Operation) -> Key {
    (operation.service, operation.id.clone())
}

impl Ledger {
    /// Writes down that `operation` gave this response to this request.
    pub fn record(&mut self, operation: &Operation, request: &Request, response: &Response) {
        let Some((status, documented)) = operation.documented(response.status) else { return };
        let text = response.error().filter(|text| documented.texts.contains(text));
        *self.seen.entry((key(operation), status, text)).or_default() += 1;
        for facet in facets::shown(operation, request, response) {
            *self.facets.entry((key(operation), facet)).or_default() += 1;
        }
    }

    /// Writes down that `operation` gave a response that is not as documented, and perhaps has a documented status.
    pub fn record_wrong(&mut self, operation: &Operation, response: &Response) {
        let Some((status, documented)) = operation.documented(response.status) else { return };
        let text = response.error().filter(|text| documented.texts.contains(text));
        *self.wrong.entry((key(operation), status, text)).or_default() += 1;
    }

    /// Every facet of every operation, with how often it was seen.
    pub fn facets(&self) -> Vec<Facet> {
        let waivers: Vec<&str> = waivers().collect();
        let of_operation = |operation: &'static Operation| {
            facets::documented(operation).into_iter().map(move |facet| {
                let seen = self.facets.get(&(key(operation), facet.clone())).copied().unwrap_or_default();
                Facet {
                    service: operation.service,
                    operation: operation.id.clone(),
                    facet,
                    seen,
                    waived: false,
                }
            })
        };
        let mut facets: Vec<Facet> = CONTRACT.operations().flat_map(of_operation).collect();
        facets.iter_mut().for_each(|facet| facet.waived = waivers.contains(&facet.name().as_str()));
        facets
    }

    /// Every documented response.
    pub fn rows(&self) -> Vec<Row> {
        let waivers: Vec<&str> = waivers().collect();
        let mut rows = Vec::new();
        for operation in CONTRACT.operations() {
            for (status, documented) in operation.all_documented() {
                let texts: Vec<Option<String>> = match documented.texts.as_slice() {
                    [] => vec![None],
                    texts => texts.iter().cloned().map(Some).collect(),
                };
                for text in texts {
                    let key = (key(operation), status.clone(), text);
                    let count = |of: &BTreeMap<_, usize>| of.get(&key).copied().unwrap_or_default();
                    let (seen, wrong) = (count(&self.seen), count(&self.wrong));
                    let ((_, operation_id), status, text) = key;
                    let mut row = Row {
                        service: operation.service,
                        operation: operation_id,
                        status,
                        text,
                        seen,
                        wrong,
                        waived: false,
                    };
                    row.waived = waivers.contains(&row.name().as_str());
                    rows.push(row);
                }
            }
        }
        rows
    }

    /// What is wrong: documented responses that were never seen, and waivers that are not needed.
    pub fn complaints(&self) -> Vec<String> {
        let rows = self.rows();
        let unfit =
            rows.iter().filter(|row| !row.is_fine()).map(|row| format!("{}: {}", row.verdict(), row.name()));
        let facets = self.facets();
        let unseen = facets
            .iter()
            .filter(|facet| !facet.is_fine())
            .map(|facet| format!("{}: {}", facet.verdict(), facet.name()));
        let is_known = |waiver: &str| {
            rows.iter().any(|row| row.name() == waiver) || facets.iter().any(|facet| facet.name() == waiver)
        };
        let unknown = waivers().filter(|waiver| !is_known(waiver));
        unfit
            .chain(unseen)
            .chain(unknown.map(|waiver| format!("waived but not documented: {waiver}")))
            .collect()
    }

    /// The ledger as a table for a terminal.
    pub fn table(&self) -> String {
        let rows = self.rows();
        let mut table = String::new();
        let mut last = String::new();
        let name = |row: &Row| format!("{} {}", row.service, row.operation);
        let width = rows.iter().map(|row| name(row).chars().count()).max().unwrap_or_default().max(25);
        for row in &rows {
            let operation = name(row);
            let shown = if operation == last { "" } else { &operation };
            let text = row.text.as_deref().unwrap_or("");
            let _ = writeln!(
                table,
                "{shown:<width$} {} {text:<32} {:>5}  {}",
                row.status,
                row.shown(),
                row.verdict()
            );
            last = operation;
        }
        let seen = rows.iter().filter(|row| row.seen > 0).count();
        let waived = rows.iter().filter(|row| row.waived).count();
        let _ = writeln!(table, "{} documented responses: {seen} seen, {waived} waived", rows.len());
        let facets = self.facets();
        let seen = facets.iter().filter(|facet| facet.seen > 0).count();
        let _ = writeln!(table, "{} parameters, fields, headers and limits: {seen} seen", facets.len());
        table
    }

    /// Leaves the ledger in `folder`, for machines and for people. `subject` is what was judged, a line each.
    ///
    /// # Errors
    /// It cannot be written there.
    pub fn write(&self, folder: &Path, subject: &[String]) -> io::Result<()> {
        let rows = self.rows();
        let facets = self.facets();
        let json = json!({ "judged": subject, "responses": rows, "facets": facets });
        fs::write(folder.join(FILE), format!("{json:#}"))?;
        fs::write(folder.join(PAGE), page::of(subject, &rows, &facets))
    }
}

/// Removes the ledger that an earlier run has left in `folder`.
///
/// # Errors
/// It is still there.
pub fn remove(folder: &Path) -> io::Result<()> {
    for name in [FILE, PAGE] {
        match fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn waivers() -> impl Iterator<Item = &'static str> {
    subject().waivers.iter().map(String::as_str)
}

//! The ledger as a page for people.

use std::{fmt::Write as _, sync::LazyLock};

use regex::{Captures, Regex};

use super::row::{Facet, Row};
use crate::engine::{
    contract::{CONTRACT, Operation},
    deployment::SERVICES,
};

/// The page.
pub(super) fn of(subject: &[String], rows: &[Row], facets: &[Facet]) -> String {
    let mut sections = String::new();
    for operation in CONTRACT.operations() {
        let Operation { service, id, method, template, .. } = operation;
        let _ = write!(
            sections,
            "<section><h2><b class=\"{}\">{method}</b> {} <small>{} · {}</small></h2><table>",
            method.to_lowercase(),
            escaped(template),
            escaped(service),
            escaped(id)
        );
        for row in rows.iter().filter(|row| row.service == *service && row.operation == *id) {
            let text = escaped(row.text.as_deref().unwrap_or("as its schema says"));
            let verdict = row.verdict();
            let class = verdict.replace([',', ' '], "-");
            let _ = write!(
                sections,
                "<tr class=\"{class}\"><td>{}<td>{text}<td>{}<td><span>{verdict}</span></tr>",
                row.status,
                row.shown()
            );
        }
        sections += "</table><details><summary>Parameters, fields, headers and limits</summary><table>";
        let of_operation = |facet: &&Facet| facet.service == *service && facet.operation == *id;
        for facet in facets.iter().filter(of_operation) {
            let verdict = facet.verdict();
            let class = verdict.replace([',', ' '], "-");
            let _ = write!(
                sections,
                "<tr class=\"{class}\"><td><td>{}<td>{}<td><span>{verdict}</span></tr>",
                escaped(&facet.facet),
                facet.seen
            );
        }
        sections += "</table></details></section>";
    }
    let seen = rows.iter().filter(|row| row.seen > 0).count();
    let waived = rows.iter().filter(|row| row.waived).count();
    let filled = |name: &str| match name {
        "title" => escaped(&SERVICES.join(", ")),
        "subject" => subject.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("<br>"),
        "sections" => sections.clone(),
        "seen" => seen.to_string(),
        "waived" => waived.to_string(),
        "all" => rows.len().to_string(),
        // A rule of the style.
        other => format!("{{{other}}}"),
    };
    // In one go, since what is filled in may have braces of its own.
    static PLACE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\{([a-z]+)\}").expect("a pattern"));
    PLACE.replace_all(include_str!("page.html"), |place: &Captures<'_>| filled(&place[1])).into_owned()
}

/// Text as it stands in a page.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

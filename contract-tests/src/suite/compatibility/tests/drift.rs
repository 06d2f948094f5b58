//! Compares the verdicts in the table with those of drift itself, and writes the table as a page.

use std::{env, fs, panic};

use drift::{ChangeClass, compare};

use super::table::{ROWS, Row};
use crate::engine::{contract::CONTRACT, deployment::folder};

#[test]
fn the_verdicts_of_drift_are_those_of_the_table() {
    let old = &CONTRACT.document("products").json;
    let mut differ = Vec::new();
    for Row { name, change, drift, .. } in ROWS {
        let mut new = old.clone();
        change(&mut new);
        let Ok(changes) = panic::catch_unwind(|| compare(old, &new).unwrap()) else {
            differ.extend(
                (*drift != "panics").then(|| format!("{name}: {drift:?} in the table, \"panics\" in truth")),
            );
            continue;
        };
        let classes = changes.into_iter().flat_map(|change| change.changes);
        let rank = |class: &ChangeClass| match class {
            ChangeClass::Trivial => "trivial",
            ChangeClass::ForwardIncompatible => "forward",
            ChangeClass::BackwardIncompatible => "backward",
            ChangeClass::Incompatible => "incompatible",
            ChangeClass::Unhandled => "unhandled",
        };
        let mut found: Vec<&str> = classes.map(|info| rank(&info.class)).collect();
        found.sort_unstable();
        found.dedup();
        let found = found.join(" ");
        if found != *drift {
            differ.push(format!("{name}: {drift:?} in the table, {found:?} in truth"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[test]
fn the_table_is_there_to_be_read() {
    let mut table = String::from(
        "# The verdicts of the compatibility gate\n\n\
         Whether a change of a document breaks callers, as the gate, drift 0.2 and oasdiff 1.31 say.\n\
         A test runs the gate and drift on each change. The column of oasdiff was not run: it is derived from the severity law in its\n\
         repository (`checker/SEVERITY-LAW-TRIAGE.md`).\n\n\
         This table is written by `UPDATE=1 cargo test -p contract-tests --lib compatibility`.\n\n\
         | change | gate | drift | oasdiff |\n|---|---|---|---|\n",
    );
    for Row { name, breaks, drift, oasdiff, .. } in ROWS {
        let verdict = if breaks.is_some() { "breaks" } else { "fine" };
        let drift = if drift.is_empty() { "nothing" } else { drift };
        table += &format!("| {name} | {verdict} | {drift} | {oasdiff} |\n");
    }
    let file = folder().join("../contract-tests/compatibility.md");
    if env::var("UPDATE").is_ok_and(|update| update == "1") {
        fs::write(&file, &table).unwrap();
    }
    assert_eq!(fs::read_to_string(&file).unwrap_or_default(), table, "write it with UPDATE=1");
}

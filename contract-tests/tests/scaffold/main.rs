//! A new service, from nothing to a passed suite: it is generated into a copy of the repository, built, recorded and tested, then
//! once more with features that the template lacks:
//! `cargo test --test scaffold`.
//!
//! The copy and its build are in `target/scaffold`; the build reuses the compiled libraries of this one, so that only the crates of
//! the workspace are compiled. A log next to them has the output of each command. All of it is removed on success.

#![allow(clippy::disallowed_macros, reason = "a test prints what it does")]

mod copy;

use std::{collections::BTreeSet, path::PathBuf, process::ExitCode};

use contract_tests::harness::postgres;
use libtest_mimic::{Arguments, Failed, Trial};

use self::copy::{Copy, tracked};

/// The new service, and the one that it asks.
const NEW: [&str; 6] = ["new", "shipments", "--port", "5004", "--asks", "orders"];

/// What has to know of a new service, beside its own folder and `openapi`.
const KNOWS: [&str; 8] = [
    "Cargo.lock",
    "services/store/Cargo.toml",
    "services/store/deploy/haproxy.cfg",
    "services/store/deploy/nginx.conf",
    "services/store/deploy/prometheus/prometheus.yml",
    "services/store/deploy/systemd/store-backup.service",
    "services/store/deploy/systemd/store@shipments.service.d/tokens.conf",
    "services/store/src/lib.rs",
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let tracked = tracked();
    if tracked.is_none() {
        println!("ignored: git does not tell which files the repository has");
    }
    let is_unknown = tracked.is_none();
    let trial = Trial::test("scaffold::a_new_service_passes_the_suite", move || {
        passes_the_suite(tracked.unwrap_or_default())
    });
    libtest_mimic::run(&arguments, vec![trial.with_ignored_flag(is_unknown)]).exit_code()
}

fn passes_the_suite(tracked: Vec<PathBuf>) -> Result<(), Failed> {
    let copy = Copy::new(tracked)?;
    is_taken_back(&copy)?;
    is_in_every_list(&copy)?;
    refuses_what_no_client_can_have(&copy)?;
    survives_a_merge_conflict(&copy)?;

    let test = |name: &str, tests: &[&str], filters: &[&str]| {
        let tests = tests.iter().flat_map(|test| ["--test", test]);
        let all: Vec<&str> = ["test", "--no-fail-fast"].into_iter().chain(tests).chain(["--"]).collect();
        copy.cargo(name, &[&all[..], filters].concat())
    };
    test("documents", &["documents"], &[])?;
    test("replay", &["replay"], &[])?;
    test("of-the-service", &["upstreams", "faults"], &["shipment"])?;
    // What tests of the store say of all services.
    test("deploy", &["deploy"], &["systemd"])?;
    test("proxies", &["deploy"], &["::requests_go_through"])?;
    let of_all =
        ["backup::", "restore::", "start_page::", "settings::the_readme", "examples::", "every_list"];
    test("store", &["layers", "service", "store", "stub"], &of_all)?;
    test("console", &["client"], &["check"])?;
    match postgres::is_missing() {
        None => test("postgres", &["replay"], &["shipment"])?,
        Some(reason) => println!("skipped: PostgreSQL, because {reason}"),
    }
    // `store copy` copies all of its tables.
    let start = ["shipments", "--shipments-listen", "127.0.0.1:0", "--data-dir", "data", "--stop-with-stdin"];
    copy.store("start", &start)?;
    copy.store("copy", &["copy", "--only", "shipments", "--from", "data", "--to", "copied"])?;

    // A PATCH, an object and an array in bodies, and text/csv beside JSON.
    copy.patch(include_str!("richer.patch"))?;
    test("richer-documents", &["documents"], &[])?;
    test("richer", &["replay", "fuzz", "stub"], &[])?;
    copy.cargo("library", &["test", "--package", "contract-tests", "--lib"])?;
    Ok(copy.remove()?)
}

/// What cannot be finished leaves nothing behind.
fn is_taken_back(copy: &Copy) -> Result<(), Failed> {
    let list = "services/store/deploy/prometheus/prometheus.yml";
    let text = copy.read(list)?;
    copy.write(list, "no list")?;
    let (is_done, said) = copy.scaffold(&NEW)?;
    let is_told = said.contains("prometheus.yml has no list of services") && said.contains("is taken back");
    let changed = copy.changed()?;
    if is_done || !is_told || changed != BTreeSet::from([list.to_owned()]) {
        return Err(format!("a service that cannot be finished has changed {changed:?}:\n{said}").into());
    }
    copy.write(list, &text)
}

/// Few files know of a new service.
fn is_in_every_list(copy: &Copy) -> Result<(), Failed> {
    let (is_done, said) = copy.scaffold(&NEW)?;
    let is_own = |file: &String| file.starts_with("services/shipments/") || file.starts_with("openapi/");
    let changed = copy.changed()?.into_iter().filter(|file| !is_own(file));
    let changed: Vec<String> = changed.collect();
    if !is_done || changed != KNOWS {
        return Err(format!("the new service has changed {}:\n{said}", changed.join(", ")).into());
    }
    let (is_done, said) = copy.scaffold(&NEW)?;
    match !is_done && said.contains("shipments has the ports 5004, 6004 and 8004") {
        true => Ok(()),
        false => Err(format!("it is written twice: {said}").into()),
    }
}

/// A document that no client can be generated from stays as it was.
fn refuses_what_no_client_can_have(copy: &Copy) -> Result<(), Failed> {
    let (api, file) = ("services/shipments/src/api.rs", "openapi/shipments.json");
    let (text, document) = (copy.read(api)?, copy.read(file)?);
    copy.write(api, &text.replace("\"Shipment not found\"", "\"Unknown\""))?;
    let (is_done, said) = copy.scaffold(&["emit", "shipments"])?;
    let is_told = said.contains("`Unknown`") && said.contains("no client can be generated");
    if is_done || !is_told || copy.read(file)? != document {
        return Err(format!("a message that no client can have is written:\n{said}").into());
    }
    copy.write(api, &text)
}

/// A document is emitted again after a merge left it broken, though the client of its service cannot be generated.
fn survives_a_merge_conflict(copy: &Copy) -> Result<(), Failed> {
    let file = "openapi/orders.json";
    let text = copy.read(file)?;
    copy.write(file, &format!("<<<<<<< HEAD\n{text}=======\n"))?;
    let (is_done, said) = copy.scaffold(&["emit", "orders"])?;
    let emitted = copy.read(file)?;
    if !is_done || !emitted.starts_with('{') || !emitted.contains("\"create_order\"") {
        return Err(format!("orders is not emitted after a merge conflict:\n{said}").into());
    }
    // With its examples.
    copy.write(file, &text)
}

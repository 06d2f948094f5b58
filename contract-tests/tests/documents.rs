//! The documents are what the code emits and the services serve, and break no caller of the version before:
//! `cargo test -p contract-tests --test documents`, with `UPDATE=1` to write them anew.

#![allow(clippy::disallowed_macros, reason = "a test prints what it finds")]
#![allow(clippy::expect_used, reason = "a test that cannot go on says why by panicking")]

use std::{
    env, fs,
    process::{Command, ExitCode},
};

use contract_tests::{
    engine::{
        compatibility,
        contract::{self, CONTRACT},
        deployment::SERVICES,
        exchange::Request,
        replay::cases,
    },
    harness::store::Store,
    suite::examples,
};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_store-under-test");

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let cases: [(&str, fn()); 4] = [
        (
            "the_checked_in_documents_are_what_the_code_emits",
            the_checked_in_documents_are_what_the_code_emits,
        ),
        ("the_served_documents_are_the_checked_in_ones", the_served_documents_are_the_checked_in_ones),
        ("every_example_fits_its_schema_and_its_status", every_example_fits_its_schema_and_its_status),
        ("every_operation_is_in_the_token_matrix", every_operation_is_in_the_token_matrix),
    ];
    let trial = |(name, case): (&str, fn())| {
        Trial::test(format!("documents::{name}"), move || {
            case();
            Ok::<(), Failed>(())
        })
    };
    let mut trials: Vec<Trial> = cases.map(trial).into();
    let base = base();
    if base.is_none() {
        eprintln!("skipped: there is no history to compare the documents with");
    }
    let is_missing = base.is_none();
    let compare = move || {
        no_change_breaks_a_caller(base.as_deref().ok_or("no history")?);
        Ok(())
    };
    let name = "documents::no_change_breaks_a_caller";
    trials.push(Trial::test(name, compare).with_ignored_flag(is_missing));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn emitted() -> Vec<(&'static str, Value)> {
    let documents = [products::document(), orders::document(), payments::document()];
    let parsed =
        documents.map(|document| serde_json::from_slice(&document.json()).expect("an OpenAPI document"));
    SERVICES.into_iter().zip(parsed).collect()
}

fn checked_in(service: &str) -> String {
    fs::read_to_string(contract::folder().join(format!("{service}.json"))).expect("a document")
}

fn the_checked_in_documents_are_what_the_code_emits() {
    for (service, document) in examples::record(PROGRAM, emitted()) {
        let document = format!("{document:#}\n");
        if env::var("UPDATE").is_ok_and(|update| update == "1") {
            fs::write(contract::folder().join(format!("{service}.json")), document)
                .expect("the document is written");
            continue;
        }
        let checked_in = checked_in(service);
        if let Some((line, (is, should_be))) =
            checked_in.lines().zip(document.lines()).enumerate().find(|(_, (is, should_be))| is != should_be)
        {
            panic!(
                "openapi/{service}.json is not what the code emits, from line {}:\n  is:        {is}\n  should be: \
                 {should_be}\nwrite it anew with: UPDATE=1 cargo test -p contract-tests --test documents",
                line + 1
            );
        }
        assert_eq!(
            checked_in.len(),
            document.len(),
            "openapi/{service}.json is longer or shorter than what is emitted"
        );
    }
}

fn the_served_documents_are_the_checked_in_ones() {
    let (_store, session) = Store::start_with_session(PROGRAM, &[]);
    for service in SERVICES {
        let answer = session.send(&Request::new(service, "GET", "/openapi.json")).expect("an answer");
        assert_eq!(answer.header("Content-Type"), Some("application/json"));
        let is_same = answer.body == checked_in(service).as_bytes();
        assert!(is_same, "{service} serves another document than openapi/{service}.json");
    }
}

fn every_example_fits_its_schema_and_its_status() {
    let mut count = 0;
    for operation in CONTRACT.operations() {
        let document = &CONTRACT.document(operation.service).json;
        let at = &document["paths"][&operation.template][operation.method.to_lowercase()];
        for (status, documented) in &operation.answers {
            let examples = &at["responses"][status.to_string()]["content"]["application/json"]["examples"];
            let examples =
                examples.as_object().unwrap_or_else(|| panic!("{} {status} has no example", operation.id));
            let mut texts = documented.texts.clone();
            for (name, example) in examples {
                let value = &example["value"];
                assert!(documented.schema.is_valid(value), "{} {status} {name}: {value}", operation.id);
                if let Some(text) = value["error"].as_str() {
                    assert!(
                        documented.texts.iter().any(|known| known == text),
                        "{} {status}: {text}",
                        operation.id
                    );
                    texts.retain(|known| known != text);
                }
                count += 1;
            }
            assert!(texts.is_empty(), "{} {status} has no example of {texts:?}", operation.id);
        }
        for (name, example) in
            at["requestBody"]["content"]["application/json"]["examples"].as_object().into_iter().flatten()
        {
            assert!(operation.fits(&example["value"]), "{} {name}", operation.id);
        }
    }
    assert!(count >= 60, "only {count} examples");
}

fn every_operation_is_in_the_token_matrix() {
    let store = Store::start(PROGRAM, &[]);
    let cases = cases::cases(&store.deployment());
    for operation in CONTRACT.operations() {
        let document = &CONTRACT.document(operation.service).json;
        let at = &document["paths"][&operation.template][operation.method.to_lowercase()];
        assert_eq!(at["security"], serde_json::json!([{ "bearer": [] }]), "{} is open", operation.id);
        for stranger in ["without_a_token", "with_a_wrong_token", "with_the_beginning_of_the_token"] {
            let name = format!("{}::{stranger}", operation.id);
            assert!(cases.iter().any(|case| case.name == name), "{name} is not tried");
        }
    }
}

fn no_change_breaks_a_caller(base: &str) {
    let mut breaks = Vec::new();
    for service in SERVICES {
        let Some(old) = git(&["show", &format!("{base}:openapi/{service}.json")]) else { continue };
        let old = serde_json::from_str(&old).expect("an OpenAPI document");
        breaks.extend(compatibility::breaks(service, &old, &CONTRACT.document(service).json));
    }
    assert!(
        breaks.is_empty(),
        "compared with {base}, this breaks callers; a new major version in info.version says that it is meant:\n{}",
        breaks.join("\n")
    );
}

/// The revision to compare with: `CONTRACT_BASE`, or where this branch left main, or on main the commit before.
fn base() -> Option<String> {
    if let Some(base) = env::var("CONTRACT_BASE").ok().filter(|base| !base.is_empty()) {
        return Some(base);
    }
    let head = git(&["rev-parse", "HEAD"])?;
    let main = ["origin/main", "main"].into_iter().find_map(|main| git(&["merge-base", "HEAD", main]));
    main.filter(|main| *main != head).or_else(|| git(&["rev-parse", "--verify", "--quiet", "HEAD^"]))
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).current_dir(contract::folder()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

//! The documents are what the code emits and the services serve, and break no caller of the previous version:
//! `cargo test --test documents`, with `UPDATE=1` to regenerate them first.

#![allow(clippy::disallowed_macros, reason = "a test prints for people")]
#![allow(clippy::expect_used, reason = "a test that cannot go on says why by panicking")]

mod callers;
mod base;

use std::{env, fs, path::Path, process::ExitCode, sync::Mutex};

use contract_tests::{
    engine::{
        contract::{CONTRACT, Operation},
        deployment::{SERVICES, folder},
        exchange::Request,
        replay::cases,
        subject::Subject,
    },
    harness::{process, store::Store},
    standard,
    suite::{compatibility, examples},
};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_store-under-test");

/// What writes the documents anew.
const UPDATE: &str = "UPDATE=1 cargo test --test documents";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let is_update = env::var("UPDATE").is_ok_and(|update| update == "1") && !arguments.list;
    if is_update && let Err(sentence) = update() {
        println!("{sentence}");
        return ExitCode::FAILURE;
    }
    let base = match base::revision() {
        Ok(base) => base,
        Err(sentence) => {
            println!("{sentence}");
            return ExitCode::FAILURE;
        }
    };
    if base.is_none() {
        println!("ignored: there is no history to compare the documents with");
    }
    let trial = |name, check: fn()| {
        Trial::test(name, move || {
            check();
            Ok::<_, Failed>(())
        })
    };
    let trials = vec![
        Trial::test("checked_in_documents_match_the_code_and_their_recorded_examples", is_emitted),
        Trial::test("each_service_serves_its_checked_in_document_with_its_own_address", move || {
            is_served(is_update)
        }),
        Trial::test(
            "every_example_fits_its_schema_and_its_status",
            every_example_fits_its_schema_and_its_status,
        ),
        trial("every_operation_is_in_the_token_matrix", every_operation_is_in_the_token_matrix),
        Trial::ignorable_test("no_change_since_the_base_breaks_callers", {
            let base = base.clone();
            move || noted(is_update, breaks_no_caller(&base.unwrap_or_default()))
        })
        .with_ignored_flag(base.is_none()),
        Trial::ignorable_test("the_contract_of_the_base_still_passes", {
            let base = base.clone();
            move || noted(is_update, callers::of_the_base(&base.unwrap_or_default()))
        })
        .with_ignored_flag(base.is_none()),
        Trial::test("breaking_behaviour_that_no_document_shows_is_named", callers::are_told),
        Trial::test("a_contract_that_is_older_than_a_service_is_played", callers::know_no_newer_service),
        trial("a_base_that_is_not_a_commit_is_refused", || {
            let sentence = base::commit("no-such-branch").expect_err("no commit");
            assert!(
                sentence.starts_with("CONTRACT_BASE=no-such-branch: there is no such commit"),
                "{sentence}"
            );
        }),
    ];
    let code = libtest_mimic::run(&arguments, trials).exit_code();
    for note in NOTES.lock().iter().flat_map(|notes| notes.iter()) {
        println!("note: {note}\n");
    }
    code
}

/// What whoever updates the documents should know.
static NOTES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A change that breaks callers is noted when it is written, and fails the test when it is to be committed.
fn noted(is_update: bool, outcome: Result<Completion, Failed>) -> Result<Completion, Failed> {
    match outcome {
        Err(failed) if is_update => {
            let notes = NOTES.lock();
            notes.expect("the notes").push(failed.message().unwrap_or_default().to_owned());
            Ok(Completion::ignored_with("callers break: see the note below"))
        }
        outcome => outcome,
    }
}

/// The document of each service, as its types emit it.
fn emitted() -> Vec<(&'static str, Value)> {
    SERVICES.iter().map(|service| (*service, process::document(PROGRAM, service))).collect()
}

fn checked_in(service: &str) -> String {
    fs::read_to_string(folder().join(format!("{service}.json"))).expect("a document")
}

/// Writes what the types emit, then the examples that the new services give rise to, judged by the new documents.
fn update() -> Result<(), String> {
    // Only the names are taken from the old documents: what is judged is read for good when it is first asked for, and the new
    // services are judged by the new documents.
    let description = Path::new(standard::DESCRIPTION);
    let services: Vec<_> = Subject::read(description, None)?.services.iter().map(|it| it.name).collect();
    let path = |service: &str| description.with_file_name(format!("{service}.json"));
    let text = |service: &str| fs::read_to_string(path(service)).expect("a document");
    let before: Vec<String> = services.iter().map(|service| text(service)).collect();
    let emitted: Vec<_> =
        services.iter().map(|service| (*service, process::document(PROGRAM, service))).collect();
    for (service, document) in &emitted {
        if let Some(reason) = scaffold::unreadable(document) {
            return Err(format!(
                "openapi/{service}.json was not written, since no client can be generated from it: {reason}"
            ));
        }
    }
    let write = |documents: &[(&str, Value)]| {
        for (service, document) in documents {
            fs::write(path(service), format!("{document:#}\n")).expect("the document is written");
        }
    };
    write(&emitted);
    let recorded = examples::record(PROGRAM, emitted).map(|documents| write(&documents));
    for (service, before) in services.iter().zip(before) {
        match scaffold::difference(&before, &text(service)) {
            None => println!("openapi/{service}.json is unchanged."),
            Some(difference) => println!("openapi/{service}.json has changed:\n{difference}"),
        }
    }
    recorded.map_err(|failure| {
        format!(
            "{failure}\nThe examples are not recorded anew, since the replay that they come from does not pass: mend it, and \
             repeat {UPDATE}"
        )
    })
}

fn is_emitted() -> Result<(), Failed> {
    for (service, document) in examples::record(PROGRAM, emitted())? {
        if let Some(difference) = scaffold::difference(&checked_in(service), &format!("{document:#}\n")) {
            return Err(format!(
                "openapi/{service}.json is not what the code emits and the store answers:\n{difference}\n\
                 If it is meant, accept it with: {UPDATE}"
            )
            .into());
        }
    }
    Ok(())
}

/// A service has the examples that were checked in when it was built, so they are not compared after an update.
fn is_served(is_update: bool) -> Result<(), Failed> {
    let (_store, session) = Store::start_with_session(PROGRAM, &[]);
    for &service in SERVICES.iter() {
        let response = session.send(&Request::new(service, "GET", "/openapi.json")).expect("a response");
        assert_eq!(response.header("Content-Type"), Some("application/json"));
        let read = |text: &str| {
            let mut document: Value = serde_json::from_str(text).expect("an OpenAPI document");
            if is_update {
                examples::forget(&mut document);
            }
            format!("{document:#}\n")
        };
        let served = String::from_utf8(response.body.to_vec()).expect("text");
        let url = |document: &str| -> String {
            let document: Value = serde_json::from_str(document).expect("an OpenAPI document");
            let servers = document["servers"].as_array().expect("servers");
            assert_eq!(servers.len(), 1, "{service} names one address");
            servers[0]["url"].as_str().expect("a URL").to_owned()
        };
        let (address, default) = (url(&served), url(&checked_in(service)));
        assert_eq!(address, session.deployment.service(service).url, "{service} names its address");
        let served = served.replacen(&address, &default, 1);
        if let Some(difference) = scaffold::difference(&read(&checked_in(service)), &read(&served)) {
            return Err(format!(
                "{service} serves another document than openapi/{service}.json:\n{difference}"
            )
            .into());
        }
        assert!(is_update || served == checked_in(service), "{service} serves the document in another form");
    }
    Ok(())
}

/// The examples are read from the files, since an update has just written them.
fn every_example_fits_its_schema_and_its_status() -> Result<(), Failed> {
    let mut complaints = Vec::new();
    for &service in SERVICES.iter() {
        let json: Value = serde_json::from_str(&checked_in(service)).expect("an OpenAPI document");
        for operation in &CONTRACT.document(service).operations {
            let at = &json["paths"][&operation.template][operation.method.to_lowercase()];
            complaints.extend(unfit_examples(operation, at));
        }
    }
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n").into()) }
}

/// What is wrong with the examples of an operation, which is declared as `at`.
fn unfit_examples(operation: &Operation, at: &Value) -> Vec<String> {
    let id = &operation.id;
    let mut complaints = Vec::new();
    for (status, documented) in &operation.responses {
        let response = &at["responses"][status.to_string()];
        if documented.media_types.is_empty() {
            complaints.extend(
                (!response["content"].is_null()).then(|| format!("{id} {status}: content without a body")),
            );
            continue;
        }
        let content = response["content"].as_object().into_iter().flatten();
        let examples = content.flat_map(|(media_type, content)| {
            let named = content["examples"].as_object().into_iter().flatten();
            named.map(move |(name, example)| (media_type, name, &example["value"]))
        });
        let examples: Vec<_> = examples.collect();
        if examples.is_empty() {
            complaints.push(format!("{id} {status} has no example"));
        }
        for (media_type, name, value) in &examples {
            let fits_text =
                value["error"].as_str().is_none_or(|text| documented.texts.iter().any(|it| it == text));
            let fits = documented.validator(media_type).is_none_or(|schema| schema.is_valid(value));
            if !fits || !fits_text {
                complaints.push(format!("{id} {status} {name} does not fit: {value}"));
            }
        }
        let has = |text: &&String| examples.iter().any(|(.., value)| value["error"] == ***text);
        let without = documented.texts.iter().filter(|text| !has(text));
        complaints.extend(without.map(|text| format!("{id} {status} has no example of `{text}`")));
    }
    let unfit = |example: &Value| !operation.fits(example);
    if operation.example().is_some_and(|example| unfit(&example)) {
        complaints.push(format!("the example of the body of {id} does not fit its schema"));
    }
    let examples = at["requestBody"]["content"]["application/json"]["examples"].as_object();
    for (name, example) in examples.into_iter().flatten().filter(|(_, example)| unfit(&example["value"])) {
        complaints.push(format!("the request {name} of {id} does not fit: {example}"));
    }
    complaints
}

fn every_operation_is_in_the_token_matrix() {
    let store = Store::start(PROGRAM, &[]);
    let cases = cases::cases(&store.deployment());
    for operation in CONTRACT.operations() {
        let document = &CONTRACT.document(operation.service).json;
        let at = &document["paths"][&operation.template][operation.method.to_lowercase()];
        assert_eq!(at["security"], serde_json::json!([{ "bearer": [] }]), "{} is open", operation.id);
        for case in ["without_a_token", "with_a_wrong_token", "with_the_beginning_of_the_token"] {
            let name = format!("{}::{case}", operation.id);
            assert!(cases.iter().any(|case| case.name == name), "{name} is not tried");
        }
    }
}

fn breaks_no_caller(base: &str) -> Result<Completion, Failed> {
    let (mut breaks, mut compared) = (Vec::new(), 0);
    for &service in SERVICES.iter() {
        let Some(old) = base::file(base, &format!("openapi/{service}.json")) else { continue };
        let old = serde_json::from_str(&old)?;
        breaks.extend(compatibility::breaks(service, &old, &CONTRACT.document(service).json));
        compared += 1;
    }
    if !breaks.is_empty() {
        return Err(format!(
            "Compared with {base}, this breaks callers:\n{}\nIf it is meant, raise the major version in Cargo.toml.",
            breaks.join("\n")
        )
        .into());
    }
    match compared {
        0 => Ok(Completion::ignored_with(format!("{base} has none of these documents"))),
        _ => Ok(Completion::Completed),
    }
}

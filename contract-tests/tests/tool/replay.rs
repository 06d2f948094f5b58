//! `contract replay`.

use std::fs;

use serde_json::{Value, json};

use super::{
    files::{Files, Ran},
    scripted,
    service::{Flaw, KEY, Service},
};

fn replay(files: &Files, service: &Service, file: &str, more: &[&str]) -> Ran {
    let arguments = [&["replay", file, "--server", &service.url, "--token", KEY], more].concat();
    files.run(&arguments)
}

#[test]
fn a_faithful_service_passes() {
    let (files, service) = (Files::new(), Service::start(Flaw::None));
    let ran = replay(&files, &service, "good.arazzo.yaml", &["-v"]).expect(0, " 0 failed");
    // What an id is not, what a key is not, and each field of a body are tried, though no step has them.
    for name in [
        "passed life::it_is_gone",
        "passed notes create_note::without_text",
        "passed notes create_note::with_urgent_as_a_string",
        "passed notes get_notes::with_a_wrong_credential",
        "passed notes get_note::with_an_id_that_is_a_word",
        "passed notes delete_note::a_deleted_item_is_gone",
    ] {
        assert!(ran.out.contains(name), "{name} is not in:\n{}", ran.out);
    }
    // The ledger calls a response what the document calls it.
    for response in [" 4XX ", " default "] {
        assert!(ran.out.contains(response), "{response} is not in:\n{}", ran.out);
    }
    assert!(!ran.out.contains("405") && !ran.out.contains("names_the_methods"), "{}", ran.out);
}

#[test]
fn a_document_is_enough() {
    let (files, service) = (Files::new(), Service::start(Flaw::None));
    replay(&files, &service, "notes.yaml", &["-v"])
        .expect(0, "passed notes create_note::a_created_item_can_be_read");
}

#[test]
fn a_flaw_is_found() {
    for (flaw, says) in [
        (Flaw::Open, "FAILED notes get_notes::without_a_credential"),
        (Flaw::Lenient, "FAILED notes create_note::without_text"),
        (Flaw::Shouts, "expected:   `text` as it was sent: \"Buy milk\""),
        (Flaw::Crashes, "expected:   a status that create_note documents: 201, 4XX"),
        (Flaw::Undocumented, "response:   302\n"),
        (Flaw::Silent, "\"text\" is a required property"),
        (Flaw::Keeps, "FAILED notes delete_note::a_deleted_item_is_gone"),
        (Flaw::Reuses, "FAILED notes delete_note::ids_are_not_reused"),
    ] {
        let (files, service) = (Files::new(), Service::start(flaw));
        files.write("contract.yaml", "ids_are_given_once: true\n");
        let ran = replay(&files, &service, "notes.yaml", &[]).expect(1, says);
        assert!(ran.out.contains("repeat:     curl"), "{flaw:?}: {}", ran.out);
    }
}

#[test]
fn a_service_that_stops_is_not_waited_for() {
    let (files, service) = (Files::new(), Service::start(Flaw::Stops));
    replay(&files, &service, "notes.yaml", &[]).expect(1, "no service responds");
}

#[test]
fn a_service_that_never_responds_is_given_up() {
    let files = Files::new();
    // It accepts connections, as the system does for it, and reads none of them.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let arguments = ["replay", "notes.yaml", "--server", &url, "--timeout", "1"];
    files.run(&arguments).expect(1, "no service responds");
}

#[test]
fn a_profile_makes_responses_exact() {
    let (files, service) = (Files::new(), Service::start(Flaw::None));
    files.write(
        "contract.yaml",
        "responses: { unauthorized: 401 Who are you?, unknown_path: 404 No such path }\n",
    );
    replay(&files, &service, "notes.yaml", &["a_credential", "nothing_is_found"]).expect(0, " 0 failed");
    files.write("contract.yaml", "responses: { unauthorized: 403 Who are you? }\n");
    replay(&files, &service, "notes.yaml", &["a_credential"]).expect(1, "expected:   403 Who are you?");
    files.write("contract.yaml", "closed_objects: true\nlocation: true\n");
    replay(&files, &service, "notes.yaml", &[]).expect(1, "expected:   the header Location: /notes/");
    files.write("contract.yaml", "all_must_be_seen: true\n");
    replay(&files, &service, "notes.yaml", &[]).expect(0, " 0 failed");
    let more = "204: { description: It is gone }\n        409: { description: It is pinned }";
    files.write("notes.yaml", &files.read("notes.yaml").replace("204: { description: It is gone }", more));
    replay(&files, &service, "notes.yaml", &[]).expect(1, "ledger: never seen: notes delete_note 409");
}

#[test]
fn checks_can_be_chosen_and_listed() {
    let files = Files::new();
    let ran = files.run(&["replay", "good.arazzo.yaml", "--list"]).expect(0, "life::it_can_be_read");
    assert!(ran.out.lines().count() > 30, "{}", ran.out);
    let ran = files.run(&["replay", "good.arazzo.yaml", "--list", "delete_note", "--skip", "credential"]);
    let ran = ran.expect(0, "notes delete_note::with_an_id_that_is_a_word");
    assert!(!ran.out.contains("life::a_note_is_created") && !ran.out.contains("credential"), "{}", ran.out);
}

#[test]
fn a_missing_token_is_named_and_is_not_a_pass() {
    let (files, service) = (Files::new(), Service::start(Flaw::None));
    let arguments = ["replay", "good.arazzo.yaml", "--server", &service.url];
    files.run(&arguments).expect(1, "pass one with --token notes=");
    let header = format!("notes=X-Api-Key: {KEY}");
    files.run(&[&arguments[..], &["--header", &header]].concat()).expect(0, " 0 failed");
}

#[test]
fn reports_have_every_check_and_no_token() {
    let (files, service) = (Files::new(), Service::start(Flaw::Lenient));
    let more = ["--report", "junit=report.xml", "--report", "ctrf=report.json"];
    let ran = replay(&files, &service, "good.arazzo.yaml", &more).expect(1, "FAILED");
    let (xml, ctrf) = (files.read("report.xml"), files.read("report.json"));
    assert!(!xml.contains(KEY) && !ctrf.contains(KEY) && xml.contains("secret of notes"));

    let ctrf: Value = serde_json::from_str(&ctrf).unwrap();
    let whole = json!({ "type": "integer", "minimum": 0 });
    let schema = json!({
        "type": "object",
        "required": ["reportFormat", "specVersion", "results"],
        "properties": { "reportFormat": { "const": "CTRF" }, "results": {
            "type": "object",
            "required": ["tool", "summary", "tests"],
            "properties": {
                "tool": { "type": "object", "required": ["name"] },
                "summary": {
                    "type": "object",
                    "required": ["tests", "passed", "failed", "skipped", "pending", "other", "start", "stop"],
                    "additionalProperties": whole,
                },
                "tests": { "type": "array", "items": {
                    "type": "object",
                    "required": ["name", "status", "duration"],
                    "properties": {
                        "name": { "type": "string" },
                        "duration": whole,
                        "status": { "enum": ["passed", "failed", "skipped", "pending", "other"] },
                    },
                } },
            },
        } },
    });
    assert!(jsonschema::is_valid(&schema, &ctrf), "{ctrf:#}");
    let summary = &ctrf["results"]["summary"];
    let tests = ctrf["results"]["tests"].as_array().unwrap();
    let failed = tests.iter().filter(|test| test["status"] == "failed").count();
    assert_eq!((&summary["tests"], &summary["failed"]), (&json!(tests.len()), &json!(failed)));
    assert!(ran.out.contains(&format!("{failed} failed")), "{}", ran.out);

    assert_eq!(xml.matches("<testcase ").count(), tests.len());
    assert_eq!(xml.matches("<failure ").count(), failed);
    assert_eq!(xml.matches("</failure></testcase>").count(), failed);
    assert!(!xml.contains(|letter: char| letter.is_control() && letter != '\n'), "{xml}");
}

#[test]
fn a_failure_can_be_asked_again() {
    let (files, flawed) = (Files::new(), Service::start(Flaw::Lenient));
    replay(&files, &flawed, "notes.yaml", &["--out", "out"])
        .expect(1, "to repeat it: contract again out/failed/001");
    let ledger: Value = serde_json::from_str(&files.read("out/ledger.json")).unwrap();
    assert!(ledger["responses"].as_array().unwrap().iter().any(|row| row["status"] == "4XX"), "{ledger:#}");
    assert!(files.read("out/index.html").contains("The contract of notes"));

    let mut failed: Vec<_> =
        fs::read_dir(files.path("out/failed")).unwrap().map(|entry| entry.unwrap().path()).collect();
    failed.sort();
    let first = failed[0].to_str().unwrap();
    assert!(!fs::read_to_string(first).unwrap().contains(KEY));
    files.run(&["again", first, "--token", KEY]).expect(1, "FAILED notes create_note::");
    let mended = Service::start(Flaw::None);
    files
        .run(&["again", first, "--token", KEY, "--server", &mended.url])
        .expect(0, "passed notes create_note::");
    // The next run answers for its own failures only.
    replay(&files, &mended, "notes.yaml", &["--out", "out"]).expect(0, " 0 failed");
    assert_eq!(fs::read_dir(files.path("out/failed")).unwrap().count(), 0);
}

#[test]
fn nothing_is_asked_if_a_report_cannot_be_written() {
    let files = Files::new();
    let url = scripted::start(|asked| panic!("{asked:?}"));
    let arguments = ["replay", "notes.yaml", "--server", &url, "--report", "junit=none/report.xml"];
    let ran = files.run(&arguments).expect(2, "none/report.xml: ");
    assert!(!ran.out.contains("FAILED"), "{}", ran.out);
}

#[test]
fn a_ledger_that_cannot_be_written_costs_no_report() {
    let (files, service) = (Files::new(), Service::start(Flaw::None));
    fs::create_dir_all(files.path("out/index.html")).unwrap();
    replay(&files, &service, "notes.yaml", &["--out", "out", "--report", "junit=report.xml"])
        .expect(2, "out: ");
    assert!(files.read("report.xml").contains("</testsuites>"));
}

//! The files of `replay` contain no token, header or input, in any form in which it was sent.

use std::{fs, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::json;

use super::{
    files::Files,
    scripted::{self, Reply},
};

const TOKEN: &str = "Pat:it's Sécret/42";
const INPUT: &str = "say \"Frîend\" & enter";

/// A workflow whose steps send an input in each place that a request has.
const STEPS: &str = r#"
arazzo: 1.0.1
info: { title: Notes, version: 1.0.0 }
sourceDescriptions: [{ name: notes, type: openapi, url: ./notes.yaml }]
workflows:
  - workflowId: tells
    steps:
      - stepId: everything
        operationId: create_note
        parameters: [{ name: q, in: query, value: $inputs.word }, { name: X-Word, in: header, value: $inputs.word }]
        requestBody: { contentType: application/json, payload: { text: $inputs.word } }
"#;

/// The texts of all files below `folder`.
fn texts(folder: &Path, found: &mut Vec<(String, String)>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        match path.is_dir() {
            true => texts(&path, found),
            false => found.push((path.display().to_string(), fs::read_to_string(&path).unwrap_or_default())),
        }
    }
}

#[test]
fn no_form_of_a_token_or_an_input_is_in_a_file() {
    for scheme in [
        "{ type: http, scheme: basic }",
        "{ type: http, scheme: bearer }",
        "{ type: apiKey, in: query, name: key }",
        "{ type: apiKey, in: cookie, name: key }",
        "{ type: apiKey, in: header, name: X-Api-Key }",
    ] {
        let files = Files::new();
        files.write("steps.arazzo.yaml", STEPS);
        let document = files.read("notes.yaml");
        files.write("notes.yaml", &document.replace("{ type: apiKey, in: header, name: X-Api-Key }", scheme));
        files.write("contract.yaml", "responses: { unauthorized: 401 }\nchallenge: true\n");
        let url = scripted::start(|_| Reply::new(500, json!({})));
        let input = format!("word={INPUT}");
        let ran = files.run(&[
            "replay",
            "steps.arazzo.yaml",
            "--server",
            &url,
            "--token",
            TOKEN,
            "--input",
            &input,
            "--header",
            "notes=X-Secret: Hush;Hush",
            "--out",
            "written",
            "--report",
            "junit=written/a.xml",
            "--report",
            "ctrf=written/a.json",
        ]);
        ran.expect(1, "0 passed, ");
        let mut found = Vec::new();
        texts(&files.path("written"), &mut found);
        assert!(found.len() > 20, "{scheme}: {}", found.len());
        let is_told = |part: &str| found.iter().any(|(_, text)| text.contains(part));
        assert!(is_told("secret of notes") && is_told("input word"), "{scheme}");
        let base64 = |text: &str| BASE64_STANDARD.encode(text);
        for form in [
            "Sécret",
            "sécret",
            "S%C3%A9cret",
            "Sécret/4",
            &base64(TOKEN),
            &base64(&format!("x{TOKEN}")),
            "Frîend",
            "Fr%C3%AEend",
            "Hush;Hush",
            "hush;hush",
        ] {
            let told = found.iter().find(|(_, text)| text.contains(form));
            assert!(told.is_none(), "{scheme}: {form} is in {told:?}");
        }
    }
}

#[test]
fn a_secret_across_the_end_of_a_truncated_body_is_in_no_file() {
    let files = Files::new();
    files.write("steps.arazzo.yaml", STEPS);
    // Longer than what is shown of it, and in the response so that its beginning is shown and its end is not.
    let input: String = (0..100).map(|number| format!("{number:06}")).collect();
    let seen = format!("{}{input}", "x".repeat(400));
    let url = scripted::start(move |_| Reply::new(500, json!({ "seen": seen })));
    let input = format!("word={input}");
    let arguments = ["replay", "steps.arazzo.yaml", "tells", "--server", &url, "--input", &input];
    files
        .run(&[&arguments[..], &["--out", "written", "--report", "ctrf=written/a.json"]].concat())
        .expect(1, "000007");
    let mut found = Vec::new();
    texts(&files.path("written"), &mut found);
    assert!(found.iter().any(|(_, text)| text.contains("xxxx")), "{found:?}");
    let told = found.iter().find(|(_, text)| text.contains("000001"));
    assert!(told.is_none(), "{told:?}");
}

#[test]
fn no_part_of_a_header_is_in_a_file() {
    let files = Files::new();
    let seen = json!(["first-hush", "second-hush", "third-hush"]);
    let url = scripted::start(move |_| Reply::new(500, seen.clone()));
    let ran = files.run(&[
        "replay",
        "notes.yaml",
        "create_note",
        "--server",
        &url,
        "--out",
        "written",
        "--header",
        "Cookie: one=first-hush; two=second-hush",
        "--header",
        "Proxy-Authorization: Custom third-hush",
    ]);
    ran.expect(1, "0 passed, ");
    let mut found = Vec::new();
    texts(&files.path("written"), &mut found);
    assert!(found.len() > 3, "{}", found.len());
    let told = found.iter().find(|(_, text)| text.contains("hush"));
    assert!(told.is_none(), "{told:?}");
}

#[test]
fn an_input_is_asked_for_again() {
    let files = Files::new();
    files.write("steps.arazzo.yaml", STEPS);
    let url = scripted::start(|_| Reply::new(500, json!({})));
    let arguments =
        ["replay", "steps.arazzo.yaml", "tells", "--server", &url, "--input", "word=Friend", "--out", "out"];
    files.run(&arguments).expect(1, "FAILED tells::everything");
    let again = ["again", "out/failed/001-tells--everything.json"];
    files.run(&again).expect(2, "pass it again with --input word=");
    let ran = files.run(&[&again[..], &["--input", "word=Friend"]].concat());
    ran.expect(1, "FAILED tells::everything");
}

#[test]
fn a_header_is_asked_for_again() {
    let files = Files::new();
    let url = scripted::start(|_| Reply::new(500, json!({})));
    let header = ["--header", "X-Tenant: blue"];
    let arguments = ["replay", "notes.yaml", "as_in_the_document", "--server", &url, "--out", "out"];
    files.run(&[&arguments[..], &header].concat()).expect(1, "FAILED ");
    let kept = std::fs::read_dir(files.path("out/failed")).unwrap().next().unwrap().unwrap();
    let kept = kept.path().display().to_string();
    files.run(&["again", &kept]).expect(2, "pass it again with --header 'notes=x-tenant: …'");
    files.run(&[&["again", &kept][..], &header].concat()).expect(1, "FAILED ");
}

#[test]
fn files_of_other_programs_in_the_folder_are_kept() {
    let files = Files::new();
    fs::create_dir(files.path("failed")).unwrap();
    files.write("failed/mine.json", "{ \"mine\": true }");
    let url = scripted::start(|_| Reply::new(500, json!({})));
    let arguments = ["replay", "notes.yaml", "as_in_the_document", "--server", &url, "--out", "."];
    files.run(&arguments).expect(1, "contract again ./failed/001-");
    let count = || fs::read_dir(files.path("failed")).unwrap().count();
    let before = count();
    files.run(&arguments).expect(1, "contract again ./failed/001-");
    assert_eq!(count(), before);
    assert!(files.path("failed/mine.json").exists());
}

#[test]
fn a_check_with_a_long_name_is_kept() {
    let files = Files::new();
    files.write("notes.yaml", &files.read("notes.yaml").replace("create_note", &"書".repeat(200)));
    let url = scripted::start(|_| Reply::new(500, json!({})));
    let arguments = ["replay", "notes.yaml", "as_in_the_document", "--server", &url, "--out", "out"];
    files.run(&arguments).expect(1, "to repeat it: contract again out/failed/001-notes-");
}

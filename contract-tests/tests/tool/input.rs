//! If a test cannot be run, one sentence says why, with exit code 2.

use contract_tests::engine::openapi::files;
use serde_json::{Value, json};

use super::{
    files::Files,
    service::{Flaw, KEY, Service},
};

/// A file that is written first, the arguments, and what the sentence says.
type Row<'a> = (&'a str, &'a str, &'a [&'a str], &'a str);

const TYPO: &str = "arazzo: 1.0.1\ninfo: { title: a, version: '1' }\nsourceDescriptions: [{ name: notes, type: openapi, url: notes.yaml }]\nworkflows: [{ workflowId: a, steps: [{ stepId: a, operationID: create_note }] }]";
const NOWHERE: &str = "arazzo: 1.0.1\ninfo: { title: a, version: '1' }\nsourceDescriptions: [{ name: notes, type: openapi, url: none.yaml }]\nworkflows: [{ workflowId: a, steps: [{ stepId: a, operationId: create_note }] }]";
const REMOTE: &str = "arazzo: 1.0.1\ninfo: { title: a, version: '1' }\nsourceDescriptions: [{ name: notes, type: openapi, url: 'https://example.org/a.yaml' }]\nworkflows: [{ workflowId: a, steps: [{ stepId: a, operationId: create_note }] }]";

#[test]
fn invalid_input_is_explained_in_one_sentence() {
    let rows: &[Row<'_>] = &[
        ("", "", &[], "Usage: contract <COMMAND>"),
        ("", "", &["replay"], "<FILE>"),
        ("", "", &["judge", "notes.yaml"], "unrecognized subcommand"),
        ("", "", &["replay", "none.yaml"], "none.yaml: there is no such file"),
        ("", "", &["replay", "."], ".: this is a folder"),
        ("a.yaml", "", &["replay", "a.yaml"], "neither an Arazzo description"),
        ("a.yaml", "words", &["replay", "a.yaml"], "neither an Arazzo description"),
        ("a.yaml", "a: [", &["replay", "a.yaml"], "a.yaml: this is not valid YAML"),
        ("a.yaml", "[1", &["replay", "a.yaml"], "a.yaml: this is not valid JSON"),
        ("a.yaml", "openapi: 3.0.0", &["replay", "a.yaml"], "no paths"),
        (
            "a.yaml",
            "openapi: 3.0.0\npaths: { /a: 1 }",
            &["replay", "a.yaml", "--server", "http://127.0.0.1:1"],
            "no operation that can be called",
        ),
        ("a.yaml", "swagger: '2.0'", &["replay", "a.yaml"], "Swagger 2.0"),
        ("a.yaml", TYPO, &["replay", "a.yaml"], "a.yaml: this is not an Arazzo 1.0.1 description"),
        ("a.yaml", "arazzo: 2.0.0", &["replay", "a.yaml"], "Arazzo 2.0.0 cannot be read"),
        ("a.yaml", NOWHERE, &["replay", "a.yaml"], "none.yaml: there is no such file"),
        ("a.yaml", REMOTE, &["replay", "a.yaml"], "which is not fetched"),
        ("", "", &["replay", "notes.yaml"], "notes cannot be reached at http://127.0.0.1:1"),
        (
            "",
            "",
            &["replay", "notes.yaml", "--server", "http://no-such-host.invalid"],
            "notes cannot be reached",
        ),
        ("", "", &["replay", "notes.yaml", "--server", "127.0.0.1:1"], "which is not an HTTP address"),
        ("", "", &["replay", "notes.yaml", "--server", "https://127.0.0.1:1"], "cannot be reached at https:"),
        ("", "", &["replay", "notes.yaml", "--server", "ftp://127.0.0.1:1"], "which is not an HTTP address"),
        ("", "", &["replay", "notes.yaml", "--server", "pets=http://127.0.0.1:1"], "the services are notes"),
        ("", "", &["replay", "notes.yaml", "--header", "notes=X"], "write it as `notes=X-Api-Key: secret`"),
        ("", "", &["replay", "notes.yaml", "--input", "a"], "write it as name=value"),
        ("", "", &["replay", "notes.yaml", "--report", "xml=a"], "write it as junit=FILE or ctrf=FILE"),
        ("", "", &["replay", "notes.yaml", "--profile", "none.yaml"], "none.yaml: there is no such file"),
        (
            "p.yaml",
            "responses: { missing: often }",
            &["replay", "notes.yaml", "--profile", "p.yaml"],
            "`often` is not a response",
        ),
        (
            "p.yaml",
            "common_workflows: [b]",
            &["replay", "good.arazzo.yaml", "--profile", "p.yaml"],
            "the workflow `b`",
        ),
        (
            "p.yaml",
            "waivers: none.txt",
            &["replay", "notes.yaml", "--profile", "p.yaml"],
            "none.txt: there is no such file",
        ),
        ("", "", &["replay", "notes.yaml", "--list", "nothing_like_it"], "no check has nothing_like_it"),
        (
            "",
            "",
            &["replay", "notes.yaml", "--list", "get_note", "--skip", "note"],
            "--skip note leaves no check",
        ),
        ("", "", &["prove", "notes.yaml"], "cannot be reached"),
        ("", "", &["prove", "notes.yaml", "--list", "--fault", "nothing_like_it"], "no fault is chosen"),
        ("", "", &["replay", "notes.yaml", "--timeout", "0"], "0 is not in 1..=3600"),
        ("", "", &["watch", "notes.yaml"], "cannot be reached"),
        ("", "", &["compare", "notes.yaml", "none.yaml"], "none.yaml: there is no such file"),
        ("", "", &["compare", "good.arazzo.yaml", "notes.yaml"], "not an OpenAPI document"),
        ("", "", &["again", "notes.yaml"], "not a file of `replay --out`"),
        ("", "", &["example", "notes.yaml"], "notes.yaml: "),
    ];
    for (name, text, arguments, says) in rows {
        let files = Files::new();
        if !name.is_empty() {
            files.write(name, text);
        }
        let ran = files.run(arguments).expect(2, says);
        assert!(!ran.err.contains("fault of this program"), "{arguments:?}: {}", ran.err);
        let is_usage = ran.err.contains("--help");
        assert!(is_usage || ran.err.lines().count() == 1, "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn a_step_without_an_operation_fails_with_a_reason() {
    let files = Files::new();
    let service = Service::start(Flaw::None);
    let text =
        files.read("good.arazzo.yaml").replace("operationId: delete_note", "operationId: delete_notes");
    files.write("good.arazzo.yaml", &text);
    let arguments = ["replay", "good.arazzo.yaml", "--server", &service.url, "--token", KEY, "life"];
    files.run(&arguments).expect(1, "operation `delete_notes` is in none of the source descriptions");
}

#[test]
fn any_value_anywhere_in_a_document_is_judged_or_refused() {
    let files = Files::new();
    let document = files::parse(&files.read("notes.yaml")).unwrap();
    let mut places = Vec::new();
    collect(&document, String::new(), &mut places);
    assert!(places.len() > 80, "{}", places.len());
    let odd = [
        json!(null),
        json!(-5),
        json!([1]),
        json!({ "$ref": "#/components/none" }),
        json!({ "a": { "b": true } }),
    ];
    let mut refused = 0;
    for (index, place) in places.iter().enumerate() {
        let mut document = document.clone();
        *document.pointer_mut(place).unwrap() = odd[index % odd.len()].clone();
        files.write("odd.json", &document.to_string());
        let ran = files.run(&["replay", "odd.json", "--list"]);
        let is_said = ran.err.lines().count() == 1 && !ran.err.contains("fault of this program");
        assert!(
            ran.code == Some(0) || (ran.code == Some(2) && is_said),
            "{place}: {:?} {}",
            ran.code,
            ran.err
        );
        refused += usize::from(ran.code == Some(2));
    }
    assert!((1..places.len()).contains(&refused), "{refused}");
}

/// The pointers to everything in a document but itself.
fn collect(value: &Value, pointer: String, places: &mut Vec<String>) {
    let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
    let inside: Vec<(String, &Value)> = match value {
        Value::Object(object) => object.iter().map(|(name, value)| (escaped(name), value)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    for (name, value) in inside {
        let place = format!("{pointer}/{name}");
        places.push(place.clone());
        collect(value, place, places);
    }
}

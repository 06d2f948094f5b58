//! `contract prove`: the score of thorough workflows, and of weak ones.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    files::{Files, Ran},
    scripted::{self, Asked, Reply},
    service::{Flaw, KEY, Service},
};

fn prove(service: &Service, file: &str, more: &[&str]) -> Ran {
    let files = Files::new();
    let arguments = [&["prove", file, "--server", &service.url, "--token", KEY], more].concat();
    files.run(&arguments)
}

/// The numbers of `35 of 40 faults noticed`.
fn score(ran: &Ran) -> (usize, usize) {
    let line = ran.out.lines().last().unwrap_or_default();
    let numbers: Vec<usize> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert_eq!(numbers.len(), 2, "{}", ran.out);
    (numbers[0], numbers[1])
}

#[test]
fn workflows_with_more_criteria_notice_more() {
    let service = Service::start(Flaw::None);
    let weak = prove(&service, "weak.arazzo.yaml", &["--workflows-only"]);
    let good = prove(&service, "good.arazzo.yaml", &["--workflows-only"]);
    let weak = weak.expect(1, "NEVER TRIED  notes delete_note: nothing is changed");
    let good = good.expect(1, "NEVER TRIED  notes get_notes: the list is empty");
    let ((few, all), (more, same)) = (score(&weak), score(&good));
    assert!(all == same && few < more && more < all, "{few} and {more} of {all}");
    for noticed in [
        "get_note: another value of `text`",
        "delete_note: nothing is changed",
        "create_note: nothing is created",
    ] {
        assert!(weak.out.contains(noticed) && !good.out.contains(noticed), "{noticed}:\n{}", good.out);
    }
}

#[test]
fn cases_notice_faults_that_no_workflow_notices() {
    let service = Service::start(Flaw::None);
    let ran = prove(&service, "good.arazzo.yaml", &["-v"]).expect(1, "pass without a fault");
    let (noticed, all) = score(&ran);
    assert!(noticed * 10 > all * 7, "{}", ran.out);
    for by in [
        "noticed      notes get_notes: credentials are not checked\n             by notes get_notes::without_a_credential",
        "noticed      notes create_note: its body is not checked\n             by notes create_note::",
        "noticed      notes create_note: each item is created twice\n             by notes create_note::a_created_item_is_listed_once",
    ] {
        assert!(ran.out.contains(by), "{by} is not in:\n{}", ran.out);
    }
    // It comes about, and no check looks at the order of the list.
    let says = "NOT NOTICED  notes get_notes: the first item is not in the list\n             add steps that create two items";
    assert!(ran.out.contains(says), "{}", ran.out);
}

#[test]
fn faults_that_are_all_noticed_are_a_pass() {
    let service = Service::start(Flaw::None);
    let ran = prove(&service, "good.arazzo.yaml", &["--fault", "get_note: another value"])
        .expect(0, "faults noticed");
    assert_eq!(score(&ran), (2, 2), "{}", ran.out);
}

#[test]
fn a_check_that_fails_without_a_fault_notices_none() {
    let service = Service::start(Flaw::Lenient);
    let ran = prove(&service, "notes.yaml", &["--fault", "its body is not checked"]);
    let ran =
        ran.expect(1, "fails without a fault, so it cannot notice one: notes create_note::without_a_body");
    assert_eq!(score(&ran), (0, 1), "{}", ran.out);
}

#[test]
fn an_id_that_is_given_again_is_noticed_where_ids_are_given_once() {
    let (files, service) = (Files::new(), Service::start(Flaw::None));
    let prove = |file: &str, rules: &str| {
        files.write("contract.yaml", rules);
        let more = ["--fault", "an id is given again", "-v"];
        files.run(&[&["prove", file, "--server", &service.url, "--token", KEY][..], &more].concat())
    };
    prove("notes.yaml", "").expect(2, "no fault is chosen");
    let by = "noticed      notes delete_note: an id is given again\n             \
              by notes delete_note::ids_are_not_reused";
    prove("notes.yaml", "ids_are_given_once: true\n").expect(0, by);
}

/// A service that creates notes, and calls each as `id` says.
fn creates(mut id: impl FnMut(&str) -> Option<Value>) -> impl FnMut(&Asked) -> Reply {
    move |asked| {
        let text = asked.body["text"].as_str().unwrap_or_default();
        match id(text) {
            Some(id) => Reply::new(201, json!({ "id": id, "text": text })),
            None => {
                let problem = json!({ "title": "No", "status": 409 });
                Reply::new(409, problem).of_type("application/problem+json")
            }
        }
    }
}

fn prove_weak(url: &str, more: &[&str]) -> Ran {
    let files = Files::new();
    files.write("contract.yaml", "location: true\n");
    files.run(&[&["prove", "weak.arazzo.yaml", "--server", url, "--workflows-only"], more].concat())
}

#[test]
fn a_service_that_stops_notices_nothing() {
    let mut create = creates(|_| Some(1.into()));
    let url = scripted::start(move |asked| match asked.body["text"] == "Buy milkx" {
        true => Reply::stop(),
        false => create(asked).header("Location", "/notes/1"),
    });
    let says = "a service stopped while this fault was tried: notes create_note: another `text` is stored";
    prove_weak(&url, &[]).expect(2, says);
}

#[test]
fn a_check_that_passes_only_once_notices_nothing() {
    let mut known = BTreeSet::new();
    let mut create = creates(move |text| known.insert(text.to_owned()).then(|| known.len().into()));
    let url = scripted::start(move |asked| create(asked).header("Location", "/notes/1"));
    prove_weak(&url, &[]).expect(2, "nothing passes without a fault");
}

#[test]
fn a_service_may_be_below_a_path() {
    let mut create = creates(|_| Some(1.into()));
    let url = scripted::start(move |asked| create(asked).header("Location", "/api/notes/1"));
    let url = format!("{url}/api");
    prove_weak(&url, &["--fault", "create_note: 500"]).expect(0, "1 of 1 fault noticed");
}

#[test]
fn failures_of_one_kind_are_shown_once() {
    let fails = |_: &Asked| Reply::new(500, Value::Null);
    let mut create = creates(|_| Some(1.into()));
    let url = scripted::start(move |asked| match asked.path.as_str() {
        "/notes" if asked.method == "POST" => create(asked).header("Location", "/notes/1"),
        _ => fails(asked),
    });
    let files = Files::new();
    let prove = |more: &[&str]| {
        let arguments = ["prove", "notes.yaml", "--server", &url, "--fault", "create_note: 500"];
        let ran = files.run(&[&arguments[..], more].concat());
        let lines = ran.out.lines().filter(|line| line.starts_with("fails without a fault"));
        (lines.count(), ran)
    };
    let (few, ran) = prove(&[]);
    let (all, _) = prove(&["-v"]);
    let more = " more like these in notes create_note (expected: ";
    assert!(few < all && ran.out.contains(more), "{few} and {all}:\n{}", ran.out);
}

#[test]
fn a_field_that_no_response_shows_must_be_read_back() {
    let files = Files::new();
    let (head, tail) = ("openapi: 3.1.0\ninfo: { title: A, version: '1' }\npaths:\n", "{ description: A }");
    let body = "{ required: true, content: { application/json: { schema: { type: object, properties: { b: { type: string } } } } } }";
    for (success, shows) in [("204", false), ("200", true)] {
        let content = if shows { "{ description: A, content: { application/json: {} } }" } else { tail };
        let responses = format!("{{ {success}: {content} }}");
        files.write(
            "a.yaml",
            &format!(
                "{head}  /a:\n    put: {{ operationId: put, requestBody: {body}, responses: {responses} }}\n"
            ),
        );
        let url = scripted::start(move |_| match shows {
            true => Reply::new(200, json!({})),
            false => Reply::new(204, Value::Null),
        });
        let ran = files.run(&["prove", "a.yaml", "--server", &url, "--fault", "`b` is stored"]);
        let says = match shows {
            true => "add a step that calls put and expects `$response.body#/b` as it was sent",
            false => "add a step that reads what put stored, and expects `b` as it was sent",
        };
        let ran = ran.expect(1, says);
        assert_eq!(ran.out.contains("another `b` is stored than is returned"), shows, "{}", ran.out);
    }
}

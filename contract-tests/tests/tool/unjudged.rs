//! What a run cannot test, it reports instead of passing.

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use contract_tests::harness::ending;
use serde_json::{Value, json};

use super::{
    files::{Files, Ran},
    scripted::{self, Asked, Reply},
};

/// A folder with a document whose `POST /a` takes such a body.
fn creates(required: bool, schema: &str) -> Files {
    let files = Files::new();
    files.write(
        "a.yaml",
        &format!(
            "openapi: 3.1.0
info: {{ title: A, version: '1' }}
paths:
  /a:
    post:
      operationId: create
      requestBody: {{ required: {required}, content: {{ application/json: {{ schema: {schema} }} }} }}
      responses:
        201: {{ description: A, content: {{ application/json: {{ schema: {{ type: object, required: [id] }} }} }} }}
        400: {{ description: No }}
    get:
      operationId: list
      responses: {{ 200: {{ description: All, content: {{ application/json: {{ schema: {{ type: array }} }} }} }} }}"
        ),
    );
    files
}

fn replay(files: &Files, more: &[&str], script: impl FnMut(&Asked) -> Reply + Send + 'static) -> Ran {
    let url = scripted::start(script);
    files.run(&[&["replay", "a.yaml", "--server", &url], more].concat())
}

const TEXT: &str = "{ type: object, required: [b], properties: { b: { type: string, maxLength: 9 } } }";

#[test]
fn a_service_that_refuses_its_own_example_is_not_judged() {
    let files = creates(true, TEXT);
    let ran = replay(&files, &["-v", "--report", "junit=a.xml", "--report", "ctrf=a.json"], |asked| {
        if asked.method == "GET" { Reply::new(200, json!([])) } else { Reply::new(400, Value::Null) }
    });
    let ran = ran.expect(0, "\nnot judged: a, POST /a: its example was refused with 400 (3 checks)");
    for line in [
        "not judged a create::as_in_the_document: ",
        "not judged a create::with_b_as_long_as_it_may_be: ",
        "not judged a create::a_created_item_is_listed_once: ",
        "passed a create::without_b",
        "never seen",
        " passed, 0 failed, 3 not judged",
    ] {
        assert!(ran.out.contains(line), "{line} is not in:\n{}", ran.out);
    }
    let (xml, ctrf) = (files.read("a.xml"), files.read("a.json"));
    assert!(xml.contains("skipped=\"3\"") && xml.matches("<skipped message=").count() == 3, "{xml}");
    let ctrf: Value = serde_json::from_str(&ctrf).unwrap();
    assert_eq!(ctrf["results"]["summary"]["skipped"], 3, "{ctrf:#}");
    // A refusal of what fits tells nothing either if the example is not answered as documented.
    let ran = replay(&files, &["with_b_as_long_as_it_may_be"], |asked| match asked.body["b"] == "x" {
        true => Reply::new(409, Value::Null),
        false => Reply::new(400, Value::Null),
    });
    ran.expect(1, "not judged: a, POST /a: its example has no documented response (1 check)");
}

#[test]
fn a_body_that_cannot_be_made_is_not_sent_and_is_named() {
    const IMPOSSIBLE: &str = "{ type: string, pattern: '(?=no)yes' }";
    let schema = format!(
        "{{ type: object, required: [b], properties: {{ b: {IMPOSSIBLE}, c: {{ type: string }} }} }}"
    );
    let posted: Arc<Mutex<Vec<Value>>> = Arc::default();
    let service = || {
        let posted = posted.clone();
        move |asked: &Asked| match asked.method.as_str() {
            "GET" => Reply::new(200, json!([])),
            _ => {
                posted.lock().unwrap().push(asked.body.clone());
                Reply::new(201, json!({ "id": 1 }))
            }
        }
    };
    let says = "not judged: a, POST /a: its body, of which no example could be made (";
    replay(&creates(true, &schema), &[], service()).expect(0, says);
    assert_eq!(*posted.lock().unwrap(), Vec::<Value>::new());
    // What need not be there is left out.
    replay(&creates(false, &schema), &[], service()).expect(0, says);
    assert!(posted.lock().unwrap().iter().all(Value::is_null));
    let optional = schema.replace("[b]", "[c]");
    let says = "not judged: a, POST /a: the field `b` of its body, for which no value could be made";
    replay(&creates(true, &optional), &["as_in_the_document"], service()).expect(0, says);
    assert_eq!(posted.lock().unwrap().pop(), Some(json!({ "c": "x" })));
    let alone = creates(true, &schema);
    let document = alone.read("a.yaml");
    let (before, _) = document.split_once("    get:").unwrap();
    alone.write("a.yaml", before);
    alone.run(&["replay", "a.yaml", "--list"]).expect(2, "of which no example could be made");
}

#[test]
fn a_body_that_may_be_left_out_is_left_out() {
    let check = ["create::without_a_body"];
    let responses = |status: u16| {
        move |asked: &Asked| {
            assert!(asked.header("content-type").is_none() && asked.body.is_null(), "{asked:?}");
            Reply::new(status, if status == 201 { json!({ "id": 1 }) } else { Value::Null })
        }
    };
    for (status, code, says) in [
        (201, 0, "1 passed, 0 failed"),
        (400, 0, "1 passed, 0 failed"),
        (500, 1, "expected:   a status that create documents: 201, 400"),
    ] {
        replay(&creates(false, TEXT), &check, responses(status)).expect(code, says);
    }
    let documented = creates(false, TEXT);
    let more = "400: { description: No }\n        500: { description: Sorry }";
    documented.write("a.yaml", &documented.read("a.yaml").replace("400: { description: No }", more));
    replay(&documented, &check, responses(500)).expect(1, "expected:   no failure of the service");
}

#[test]
fn a_response_that_is_not_as_documented_is_seen_but_wrong() {
    let files = creates(true, TEXT);
    let ran = replay(&files, &["--out", "out"], |asked| match asked.method.as_str() {
        "GET" => Reply::new(200, json!([])),
        _ => Reply::new(201, json!({ "no_id": 1 })),
    });
    let ran = ran.expect(1, "FAILED a create::as_in_the_document");
    let row = ran.out.lines().find(|line| line.starts_with("a create  "));
    assert!(
        row.is_some_and(|row| row.contains(" 201 ") && row.ends_with("  seen, but wrong")),
        "{}",
        ran.out
    );
    let ledger: Value = serde_json::from_str(&files.read("out/ledger.json")).unwrap();
    let row = &ledger["responses"].as_array().unwrap()[0];
    assert!(row["seen"] == 0 && row["wrong"].as_u64().unwrap() > 0, "{row}");
    assert!(files.read("out/index.html").contains("class=\"seen--but-wrong\""));
}

#[test]
fn a_limit_at_which_no_value_is_tried_is_named() {
    let schema = "{ type: object, properties: {
          whole: { type: integer, minimum: 1, maximum: 2, format: int64 },
          price: { type: number, minimum: 0.5, exclusiveMaximum: 10, multipleOf: 0.5 },
          text: { type: string, maxLength: 40000, format: hostname },
          day: { type: string, maxLength: 40, format: date },
          list: { type: array, maxItems: 3, uniqueItems: true, items: { type: string, minLength: 5 } },
          many: { type: array, minItems: 5000, items: { type: string } } } }";
    let files = creates(true, &schema.replace('\n', " "));
    let ran = replay(&files, &["create::as_in_the_document"], |_| Reply::new(201, json!({ "id": 1 })));
    let ran = ran.expect(0, "1 passed, 0 failed");
    let named = ran.out.lines().filter_map(|line| {
        line.strip_prefix("not judged: a, POST /a: the ")?.strip_suffix(", at which no value is tried")
    });
    let expected = [
        "`minimum` of body `price`",
        "`exclusiveMaximum` of body `price`",
        "`multipleOf` of body `price`",
        "`maxLength` of body `text`",
        "`format` of body `text`",
        "`uniqueItems` of body `list`",
        "`minItems` of body `many`",
    ];
    assert_eq!(named.collect::<Vec<_>>(), expected, "{}", ran.out);
}

#[test]
fn a_document_can_come_through_a_pipe() {
    let files = creates(true, TEXT);
    let mut child = Command::new(env!("CARGO_BIN_EXE_contract"))
        .args(["replay", "/dev/stdin", "--list"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(files.read("a.yaml").as_bytes()).unwrap();
    drop(stdin);
    Ran::from(ending::of("a list of checks", child)).expect(0, "stdin create::as_in_the_document");
}

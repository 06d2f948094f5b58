//! Documents with rare features, and services that keep or break their promises.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use super::{
    files::{Files, Ran},
    scripted::{self, Asked, Reply},
};

/// A folder with a document that has these paths, and no more.
fn document(paths: &str) -> Files {
    with_more(paths, "")
}

fn with_more(paths: &str, more: &str) -> Files {
    let files = Files::new();
    let head = "openapi: 3.1.0\ninfo: { title: A, version: '1' }";
    files.write("a.yaml", &format!("{head}\npaths:\n{paths}\n{more}"));
    files
}

fn replay(files: &Files, more: &[&str], script: impl FnMut(&Asked) -> Reply + Send + 'static) -> Ran {
    let url = scripted::start(script);
    files.run(&[&["replay", "a.yaml", "--server", &url], more].concat())
}

/// A refusal with a status that is documented as `4XX`.
fn refused() -> Reply {
    Reply::new(400, json!({ "error": "no" }))
}

#[test]
fn values_that_the_caller_gives_are_not_generated() {
    let files = with_more(
        "  /a:
    get:
      security: [{ key: [] }]
      parameters:
        - { name: X-Tenant, in: header, required: true, schema: { type: string } }
        - { name: key, in: query, required: true, schema: { type: string } }
      responses: { 200: { description: A } }",
        "components: { securitySchemes: { key: { type: apiKey, in: query, name: key } } }",
    );
    let more = ["as_in_the_document", "--token", "mine", "--header", "a=X-Tenant: 7"];
    let ran = replay(&files, &more, |asked| {
        let is_mine = asked.header("x-tenant") == Some("7") && asked.path == "/a?key=mine";
        Reply::new(if is_mine { 200 } else { 500 }, Value::Null)
    });
    ran.expect(0, "1 passed, 0 failed");
}

#[test]
fn limits_as_large_as_can_be_are_read() {
    let integers = i64::MIN..=i64::MAX;
    let (least, most) = (integers.start(), integers.end());
    let files = document(&format!(
        "  /a:
    post:
      parameters: [{{ name: n, in: query, schema: {{ type: integer, exclusiveMinimum: {most} }} }}]
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [text, number]
              properties:
                text: {{ type: string, maxLength: {most} }}
                short: {{ type: string, minLength: {most}, example: a }}
                number: {{ type: integer, minimum: {least}, maximum: {most} }}
                last: {{ type: integer, exclusiveMaximum: {least} }}
      responses: {{ 201: {{ description: A }} }}"
    ));
    let ran = files.run(&["replay", "a.yaml", "--list"]).expect(0, "with_number_above_its_maximum");
    assert!(!ran.out.contains("with_text_too_long"), "{}", ran.out);
}

const MAKES: &str = "  /a:
    post:
      requestBody:
        required: true
        content: { application/json: { schema: { type: object, required: [b], properties: { b: { type: string } } } } }
      responses:
        201: { description: A }
        400: { description: No }
        500: { description: Sorry }";

#[test]
fn a_documented_failure_is_not_a_response_to_a_valid_request() {
    let files = document(MAKES);
    files.write("contract.yaml", "responses: { missing: 400 Missing fields, expired: 503 }\n");
    let ran = replay(&files, &["as_in_the_document"], |_| Reply::new(500, Value::Null));
    ran.expect(1, "expected:   no failure of the service");
}

#[test]
fn a_created_item_needs_a_location_even_without_a_body() {
    let files = document(MAKES);
    files.write("contract.yaml", "location: true\n");
    let more = ["as_in_the_document"];
    replay(&files, &more, |_| Reply::new(201, Value::Null))
        .expect(1, "expected:   the header Location: /a/<id>");
    let elsewhere = |_: &Asked| Reply::new(201, Value::Null).header("Location", "/b/7");
    replay(&files, &more, elsewhere).expect(1, "expected:   the header Location: /a/<id>");
    let there = |_: &Asked| Reply::new(201, Value::Null).header("Location", "/a/7");
    replay(&files, &more, there).expect(0, "1 passed, 0 failed");
}

#[test]
fn a_key_for_a_request_without_a_body_is_tried() {
    let files = document(
        "  /a:
    post:
      operationId: a
      parameters: [{ name: Idempotency-Key, in: header, schema: { type: string } }]
      responses: { 201: { description: A } }",
    );
    files.write("contract.yaml", "idempotency_keys: true\n");
    let ran = replay(&files, &["-v"], |_| Reply::new(201, Value::Null));
    let ran = ran.expect(1, "FAILED a a::a_repeated_request_gets_the_stored_response");
    assert!(!ran.out.contains("many_bodies"), "{}", ran.out);
}

#[test]
fn a_request_that_cannot_be_sent_is_not_a_missing_response() {
    let files = document(
        "  a:
    get: { responses: { 200: { description: A } } }
  /b:
    get: { operationId: b, responses: { 200: { description: B } } }
  /c:
    parameters: [{ name: 'a b', in: header, required: true, schema: { type: string } }]
    get: { operationId: c, responses: { 200: { description: C } } }",
    );
    let ran = replay(&files, &[], |_| Reply::new(200, Value::Null)).expect(0, "2 passed, 0 failed");
    for what in [
        "not judged: a, a: a path that does not begin with `/`",
        "not judged: a, GET /c: the header `a b`, which is not a valid HTTP header name",
    ] {
        assert!(ran.out.contains(what), "{what} is not in:\n{}", ran.out);
    }
    let line = "{ name: X-Line, in: header, required: true, schema: { type: string, enum: [\"a\\nb\"] } }";
    let operations: Vec<String> = (0..4)
        .map(|number| {
            format!("  /{number}:\n    get: {{ parameters: [{line}], responses: {{ 200: {{ description: A }} }} }}")
        })
        .collect();
    let files = document(&operations.join("\n"));
    let ran = replay(&files, &[], |_| Reply::new(200, Value::Null)).expect(1, "it cannot be sent");
    assert!(!ran.out.contains("no service responds"), "{}", ran.out);
}

#[test]
fn a_header_that_a_reference_declares_is_required() {
    let files = with_more(
        "  /a:
    get:
      responses:
        200: { description: A, headers: { x-rate: { $ref: '#/components/headers/Rate' } } }",
        "components: { headers: { Rate: { required: true, schema: { type: integer } } } }",
    );
    let ran = replay(&files, &[], |_| Reply::new(200, Value::Null));
    ran.expect(1, "expected:   the header x-rate");
    let ran = replay(&files, &[], |_| Reply::new(200, Value::Null).header("x-rate", "7"));
    ran.expect(0, "1 passed, 0 failed");
}

#[test]
fn a_cookie_is_seen() {
    let files = document(
        "  /a:
    get:
      parameters: [{ name: theme, in: cookie, required: true, schema: { type: string, enum: [dark, light] } }]
      responses: { 200: { description: A }, 400: { description: No } }",
    );
    files.write("contract.yaml", "all_must_be_seen: true\n");
    let ran = replay(&files, &[], |asked| match asked.header("cookie") {
        Some("theme=dark" | "theme=light") => Reply::new(200, Value::Null),
        _ => refused(),
    });
    ran.expect(0, " 0 failed");
}

#[test]
fn a_required_parameter_is_sent_once() {
    let files = document(
        "  /a:
    get:
      parameters:
        - { name: q, in: query, required: true, schema: { type: integer, minimum: 1, maximum: 9 } }
        - { name: c, in: cookie, required: true, schema: { type: integer, minimum: 1, maximum: 9 } }
      responses: { 200: { description: A }, 400: { description: No } }",
    );
    let ran = replay(&files, &["-v"], |asked| {
        let is_within = |text: Option<&str>| {
            text.and_then(|text| text.parse().ok()).is_some_and(|number: u64| (1..=9).contains(&number))
        };
        let fits = is_within(asked.path.strip_prefix("/a?q="))
            && is_within(asked.header("cookie").and_then(|cookie| cookie.strip_prefix("c=")));
        if fits { Reply::new(200, Value::Null) } else { refused() }
    });
    let ran = ran.expect(0, "passed a get_a::with_q_at_its_maximum");
    assert!(ran.out.contains("passed a get_a::with_c_at_its_maximum"), "{}", ran.out);
}

#[test]
fn a_field_is_replaced_and_no_other_of_the_same_value() {
    let files = document(
        "  /a:
    post:
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [a, b]
              properties: { a: { type: string, enum: [PLACE] }, b: { type: string } }
      responses: { 201: { description: A }, 400: { description: No } }",
    );
    let ran = replay(&files, &["with_b_as_a_boolean"], |asked| match asked.body["a"] == "PLACE" {
        true => refused(),
        false => Reply::new(201, Value::Null),
    });
    ran.expect(0, "1 passed, 0 failed");
}

#[test]
fn a_list_is_read_page_by_page() {
    let files = document(
        "  /a:
    post:
      requestBody: { content: { application/json: { schema: { type: object } } } }
      responses: { 201: { description: A } }
    get:
      responses: { 200: { description: All, content: { application/json: { schema: { type: array } } } } }
  /a/{id}:
    delete:
      operationId: remove
      parameters: [{ name: id, in: path, required: true, schema: { type: integer } }]
      responses: { 204: { description: Gone } }",
    );
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    for (is_absolute, third) in [(false, json!([])), (true, json!([{ "id": 7 }]))] {
        let pages = seen.clone();
        let code = i32::from(third != json!([]));
        let ran = replay(&files, &["a_deleted_item_is_gone"], move |asked| {
            if asked.method != "GET" {
                let status = if asked.method == "POST" { 201 } else { 204 };
                let body = if asked.method == "POST" { json!({ "id": 7 }) } else { Value::Null };
                return Reply::new(status, body);
            }
            pages.lock().unwrap().push(asked.path.clone());
            let host = if is_absolute { "http://elsewhere.example" } else { "" };
            let link = |page: u64, rel: &str| format!("<{host}/a?page={page}>; title=\"a, b\"; rel={rel}");
            let page: u64 = asked.path.rsplit_once('=').map_or(1, |(_, page)| page.parse().unwrap());
            let links = match page {
                1 => link(2, "next"),
                2 => format!("{}, {}", link(1, "prev"), link(3, "\"last next\"")),
                _ => link(2, "prev"),
            };
            Reply::new(200, if page == 3 { third.clone() } else { json!([]) }).header("Link", links)
        });
        let says = if code == 0 { "1 passed, 0 failed" } else { "expected:   a list without /a/7" };
        ran.expect(code, says);
        assert_eq!(std::mem::take(&mut *seen.lock().unwrap()), ["/a", "/a?page=2", "/a?page=3"]);
    }
}

#[test]
fn the_ledger_counts_facets_like_responses() {
    let files = document(
        "  /{seen}/{all}:
    get:
      operationId: a
      parameters:
        - { name: limit, in: query, schema: { type: boolean } }
      responses: { 200: { description: A } }",
    );
    files.write("contract.yaml", "waivers: waivers.txt\n");
    files.write("waivers.txt", "a a query `limit`: left out\na a query `limit`: sent\n");
    let ran = replay(&files, &["with_limit_true", "--out", "out"], |_| Reply::new(200, Value::Null));
    ran.expect(0, "1 passed, 0 failed");
    let page = fs::read_to_string(files.path("out/index.html")).unwrap();
    assert!(page.contains("/{seen}/{all}"), "{page}");
    for row in [
        "<tr class=\"waived\"><td><td>query `limit`: left out<td>0<td><span>waived</span></tr>",
        "<tr class=\"seen--yet-waived\"><td><td>query `limit`: sent<td>1<td><span>seen, yet waived</span></tr>",
    ] {
        assert!(page.contains(row), "{row} is not in:\n{page}");
    }
}

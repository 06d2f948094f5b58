//! Numbers and texts are judged as written, and bodies up to their last byte, at every service.

use contract_tests::{
    engine::{
        contract::{CONTRACT, Operation},
        deployment::SERVICES,
        exchange::{Delivery, Request, Response},
        replay::case,
        session::Session,
    },
    harness::store::Store,
};
use rusqlite::Connection;
use serde_json::Value;

use crate::start;

/// Every operation with a body, with each of its fields of this type and its example.
fn fields(kind: &'static str) -> impl Iterator<Item = (&'static Operation, String, Value)> {
    CONTRACT.operations().filter(|operation| operation.body.is_some()).flat_map(move |operation| {
        let properties = operation.body.as_ref().unwrap()["properties"].as_object().unwrap();
        let of_kind = properties.iter().filter(move |(_, schema)| schema["type"] == kind);
        of_kind.map(move |(field, schema)| (operation, field.clone(), schema.clone()))
    })
}

/// A valid request, but with this text in place of the field's value.
fn with(session: &Session, operation: &Operation, field: &str, json: &str) -> Request {
    let mut body = operation.example().unwrap();
    body[field] = "PLACE".into();
    let body = body.to_string().replace("\"PLACE\"", json);
    case::valid_request(operation, &session.deployment).raw_json(body)
}

/// The response is the refusal, with a detail that says this, and nothing is stored.
#[track_caller]
fn is_invalid(store: &Store, session: &Session, request: &Request, says: &str) {
    let before = store.rows(&request.service);
    let response = session.expect(request, 400, Some("Invalid fields")).unwrap();
    let detail = response.json()["detail"].as_str().unwrap_or_default().to_owned();
    assert!(detail.contains(says), "{says} is not in: {detail}\n{request}");
    assert_eq!(store.rows(&request.service), before, "{request}");
}

/// What a field is answered with, as it is written.
fn written(response: &Response, field: &str) -> String {
    let text = String::from_utf8(response.body.clone()).unwrap();
    let (_, rest) = text.split_once(&format!("\"{field}\":")).unwrap();
    rest.split([',', '}']).next().unwrap().to_owned()
}

#[test]
fn a_number_is_judged_to_its_last_digit() {
    let (store, session) = start(&[]);
    let digits = "9".repeat(60_000);
    let fractions = [
        "9007199254740991.4",
        "9007199254740990.5",
        "9007199254740991.00000000000000000000001",
        "9007199254740992",
        "1.0000000000000000000001",
        "0.99999999999999999999",
        "-1e-400",
        "1e-999999999",
        "1e999999999",
        "-1e99999999999999999999",
        &digits,
        &format!("1.{digits}"),
    ];
    for (operation, field, _) in fields("integer") {
        for json in fractions {
            let request = with(&session, operation, &field, json);
            is_invalid(&store, &session, &request, &format!("{field} must be an integer"));
        }
    }
}

#[test]
fn an_integer_may_be_written_in_any_way() {
    let zeros = format!("1.{}", "0".repeat(60_000));
    for (operation, field, schema) in fields("integer") {
        // A product that is replaced has no stock left for orders.
        let (_store, session) = start(&[]);
        let status = if operation.method == "POST" { 201 } else { 200 };
        if operation.method == "PUT" && operation.responses.contains_key(&201) {
            // Makes what the other ways of writing it find.
            session.expect(&with(&session, operation, &field, "1"), 201, None).unwrap();
        }
        for json in ["1", "1.0", "1e0", "10e-1", "0.1E+1", zeros.as_str()] {
            let request = with(&session, operation, &field, json);
            let response = session.expect(&request, status, None).unwrap();
            assert_eq!(written(&response, &field), "1", "{json}");
        }
        if schema["minimum"] == 0 {
            for json in ["0e999999999", "-0.0", "0e-99999999999999999999"] {
                let response =
                    session.expect(&with(&session, operation, &field, json), status, None).unwrap();
                assert_eq!(written(&response, &field), "0", "{json}");
            }
        }
    }
}

#[test]
fn a_decimal_is_kept_as_written_or_refused() {
    let (store, session) = start(&[]);
    for (operation, field, _) in fields("number") {
        let refused = [
            "999999999999.12345",
            "0.1000000000000000055511151231257827",
            "1000000000000.00001",
            "1000000000001",
            "-1e-400",
            "-0.01",
            "1e-400",
            "1e400",
            "1e999999999",
        ];
        for json in refused {
            let request = with(&session, operation, &field, json);
            let says = format!("{field} must be a number from 0 to 1000000000000");
            is_invalid(&store, &session, &request, &says);
            is_invalid(&store, &session, &request, "15 significant digits");
        }
        let status = if operation.method == "POST" { 201 } else { 200 };
        let kept = [
            ("19.99", "19.99"),
            ("0.1", "0.1"),
            ("1e12", "1000000000000"),
            ("1000000000000.0000000000000000000", "1000000000000"),
            ("200.0", "200"),
            ("999999999999.999", "999999999999.999"),
            ("0.30000000000000004", "0.30000000000000004"),
            ("1234567.89012345", "1234567.89012345"),
            ("199900e-4", "19.99"),
            ("0.0", "0"),
            ("-0", "0"),
            ("0e999999999", "0"),
        ];
        for (json, expected) in kept {
            let response = session.expect(&with(&session, operation, &field, json), status, None).unwrap();
            assert_eq!(written(&response, &field), expected, "{json}");
            let read = session.request(operation.service, "GET", operation.path("1"));
            let path = response.header("Location").map_or(read.path.clone(), ToOwned::to_owned);
            let read = session.expect(&Request { path, ..read }, 200, None).unwrap();
            assert_eq!(read.body, response.body, "what is read back is what was answered");
        }
    }
}

#[test]
fn a_number_in_a_path_or_a_query_is_written_in_one_way() {
    let (_store, session) = start(&[]);
    let wrong =
        ["1.0", "1e0", "0.99999999999999999999", "1.0000000000000000000001", "9007199254740991.4", "-1e-400"];
    for number in wrong.into_iter().chain(["9007199254740992", "1e999999999", "+1", "01"]) {
        for &service in SERVICES.iter() {
            let response =
                session.send(&session.request(service, "GET", format!("/{service}/{number}"))).unwrap();
            assert_eq!(response.status, 404, "{service} {number}");
        }
        for name in ["limit", "after"] {
            let request = session.request("products", "GET", format!("/products?{name}={number}"));
            session.expect(&request, 400, Some("Invalid fields")).unwrap();
        }
    }
}

#[test]
fn a_text_with_a_null_character_is_refused() {
    let (store, session) = start(&[]);
    for (operation, field, _) in fields("string") {
        for json in [r#""\u0000""#, r#""a\u0000b""#] {
            let request = with(&session, operation, &field, json);
            is_invalid(&store, &session, &request, &format!("{field} must be a text"));
            is_invalid(&store, &session, &request, "U+0000");
        }
        let request = with(&session, operation, &field, r#""\ud83d\ude00 \\u0000 \u0001""#);
        let status = if operation.method == "POST" { 201 } else { 200 };
        assert_eq!(session.expect(&request, status, None).unwrap().json()[&field], "\u{1f600} \\u0000 \u{1}");
    }
}

/// It was allowed until 1.1, and a list must not fail because of it.
#[test]
fn a_stored_text_with_a_null_character_can_be_read() {
    let (mut store, session) = start(&[]);
    for (service, update) in [
        ("products", "UPDATE product SET name = 'a' || char(0) || 'b'"),
        ("payments", "UPDATE payment SET method = 'a' || char(0) || 'b'"),
    ] {
        store.service(service).stop();
        Connection::open(store.database(service)).unwrap().execute(update, []).unwrap();
        store.service(service).start_again();
    }
    for (service, path) in [
        ("products", "/products"),
        ("products", "/products/1"),
        ("products", "/products?limit=1"),
        ("payments", "/payments/1"),
    ] {
        let response = session.expect(&session.request(service, "GET", path), 200, None).unwrap();
        assert!(String::from_utf8_lossy(&response.body).contains(r#""a\u0000b""#), "{response}");
    }
}

#[test]
fn a_body_has_64_kib_at_most() {
    let (_store, session) = start(&[]);
    for &service in SERVICES.iter() {
        let valid = case::create(&session, service);
        for delivery in [Delivery::Whole, Delivery::Chunked] {
            let of_length = |length| {
                let mut body = valid.body.clone();
                body.resize(length, b' ');
                Request { body, delivery, ..valid.clone() }
            };
            session.expect(&of_length(64 * 1024), 201, None).unwrap();
            session.expect(&of_length(64 * 1024 + 1), 413, Some("Payload too large")).unwrap();
        }
    }
}

#[test]
fn a_body_that_is_not_utf8_is_refused_with_its_position() {
    let (store, session) = start(&[]);
    for operation in CONTRACT.operations().filter(|operation| operation.body.is_some()) {
        let valid = case::valid_request(operation, &session.deployment);
        let text = String::from_utf8(valid.body.clone()).unwrap();
        let within = |member: &[u8]| [b"{\n", member, b",", &text.as_bytes()[1..]].concat();
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let cases: [(Vec<u8>, &str); 14] = [
            (within(br#""unknown":"\ud800""#), r"\ud800 at line 2 column 12 is an unpaired surrogate"),
            (
                within(br#""unknown":["\udc00\ud800"]"#),
                r"\udc00 at line 2 column 13 is an unpaired surrogate",
            ),
            (
                within(br#""unknown":{"a":{"b\ud800":1}}"#),
                r"\ud800 at line 2 column 19 is an unpaired surrogate",
            ),
            (within(br#""\uDBFF":1"#), r"\uDBFF at line 2 column 2 is an unpaired surrogate"),
            (within(br#""\ud800\u0061":1"#), r"\ud800 at line 2 column 2 is an unpaired surrogate"),
            (within(b"\"unknown\":\"\xff\""), "the body is not UTF-8 at line 2 column 12"),
            (within(b"\"caf\xe9\":1"), "the body is not UTF-8 at line 2 column 5"),
            (within(b"\"unknown\":\"\xed\xa0\x80\""), "the body is not UTF-8 at line 2 column 12"),
            (within(b"\"unknown\":\"\xc0\x80\""), "the body is not UTF-8 at line 2 column 12"),
            (
                [b"\xef\xbb\xbf", text.as_bytes()].concat(),
                "the body begins with a byte order mark: send UTF-8",
            ),
            (b"\xef\xbb\xbf".to_vec(), "the body begins with a byte order mark: send UTF-8"),
            (utf16.clone(), "the body begins with UTF-16: send UTF-8"),
            ([b"\xff\xfe".as_slice(), &utf16].concat(), "the body begins with UTF-16: send UTF-8"),
            ([text.as_bytes(), b"\xff"].concat(), "the body is not UTF-8 at line 1"),
        ];
        for (body, says) in cases {
            is_invalid(&store, &session, &valid.clone().raw_json(body), says);
        }
    }
}

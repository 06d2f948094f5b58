//! HTTP/1.1 at the edge, to the letter of RFC 9110 and RFC 9112, over raw sockets on all services. Each rule is a
//! table of requests, responses, and whether the connection ends. Only a 201 stores anything.

use std::collections::BTreeSet;

use contract_tests::{
    engine::{contract::CONTRACT, deployment::SERVICES},
    harness::{
        caller::{CREATE, Caller, fill},
        metrics::Metrics,
    },
};

use crate::start;

/// The status and the text of an answer, and whether the connection goes on after it.
type Expected = (u16, &'static str, bool);

const CREATED: Expected = (201, "", true);
const FINE: Expected = (200, "", true);
const MALFORMED: Expected = (400, "Malformed request", false);

/// Every service responds to `start_with` and the rest of each case as the case says.
fn check(start_with: &str, cases: &[(&str, Expected)]) {
    let (store, session) = start(&[]);
    for &service in SERVICES.iter() {
        for (rest, expected) in cases {
            let request = fill(&format!("{start_with}{rest}"), &session, service);
            let before = store.rows(service);
            let mut caller = Caller::connect(&session, service);
            caller.send(&request);
            let answer = caller.answer().unwrap_or_else(|| panic!("no answer to {request:?}"));
            let text = answer.error().unwrap_or_default();
            let goes_on = caller.goes_on();
            assert_eq!((answer.status, text.as_str(), goes_on), *expected, "{request}\n{answer}");
            let says_close = answer.header("connection") == Some("close");
            assert_eq!(says_close, !goes_on, "it says so: {request}\n{answer}");
            assert_eq!(store.rows(service) - before, i64::from(answer.status == 201), "{request}\n{answer}");
        }
    }
}

#[test]
fn host_is_required_once_and_well_formed() {
    let cases = [
        ("Host: localhost\r\n{json}", CREATED),
        ("Host: localhost:5001\r\n{json}", CREATED),
        ("Host: localhost:\r\n{json}", CREATED),
        ("host:127.0.0.1:1\r\n{json}", CREATED),
        ("Host: [::1]:5001\r\n{json}", CREATED),
        ("Host: a_b-c.~d%41!$&'()*+,;=\r\n{json}", CREATED),
        ("{json}", MALFORMED),
        ("Host:\r\n{json}", MALFORMED),
        ("Host: a\r\nHost: a\r\n{json}", MALFORMED),
        ("Host: a\r\nHost: b\r\n{json}", MALFORMED),
        ("Host: a b\r\n{json}", MALFORMED),
        ("Host: a, b\r\n{json}", MALFORMED),
        ("Host: a/b\r\n{json}", MALFORMED),
        ("Host: user@a\r\n{json}", MALFORMED),
        ("Host: http://a\r\n{json}", MALFORMED),
        ("Host: a:b\r\n{json}", MALFORMED),
        ("Host: a:1:2\r\n{json}", MALFORMED),
        ("Host: a:65536\r\n{json}", MALFORMED),
        ("Host: :80\r\n{json}", MALFORMED),
        ("Host: a%4\r\n{json}", MALFORMED),
        ("Host: [::1\r\n{json}", MALFORMED),
        ("Host: [::g]\r\n{json}", MALFORMED),
        ("Host: [::1]x\r\n{json}", MALFORMED),
        ("Host: \u{e9}\r\n{json}", MALFORMED),
    ];
    check(CREATE, &cases);
}

#[test]
fn every_path_requires_host_except_over_http_1_0() {
    let cases = [
        ("GET /livez HTTP/1.1\r\n\r\n", MALFORMED),
        ("GET /docs HTTP/1.1\r\nHost: a b\r\n\r\n", MALFORMED),
        ("GET /nowhere HTTP/1.1\r\n\r\n", MALFORMED),
        ("DELETE /livez HTTP/1.1\r\n\r\n", MALFORMED),
        ("GET /{service}/1 HTTP/1.1\r\n\r\n", MALFORMED),
        ("GET http://localhost/{service}/1 HTTP/1.1\r\nAuthorization: Bearer {token}\r\n\r\n", MALFORMED),
        (
            "GET http://localhost/{service}/1 HTTP/1.1\r\nHost: other\r\nAuthorization: Bearer {token}\r\n\r\n",
            FINE,
        ),
        (
            "GET /{service}/1 HTTP/1.0\r\nConnection: keep-alive\r\nAuthorization: Bearer {token}\r\n\r\n",
            FINE,
        ),
        (
            "GET /{service}/1 HTTP/1.0\r\nConnection: keep-alive\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n",
            FINE,
        ),
        (
            "GET /{service}/1 HTTP/1.0\r\nConnection: keep-alive\r\nHost: a\r\nHost: b\r\nAuthorization: Bearer {token}\r\n\r\n",
            MALFORMED,
        ),
        (
            "GET /{service}/1 HTTP/1.0\r\nConnection: keep-alive\r\nHost: a b\r\nAuthorization: Bearer {token}\r\n\r\n",
            MALFORMED,
        ),
    ];
    check("", &cases);
}

#[test]
fn the_only_transfer_coding_is_chunked_once() {
    let cases = [
        ("Host: x\r\nTransfer-Encoding: chunked\r\n{chunks}", CREATED),
        ("Host: x\r\nTransfer-Encoding: Chunked\r\n{chunks}", CREATED),
        ("Host: x\r\nTransfer-Encoding: gzip, chunked\r\n{chunks}", MALFORMED),
        ("Host: x\r\nTransfer-Encoding: chunked, chunked\r\n{chunks}", MALFORMED),
        ("Host: x\r\nTransfer-Encoding: identity, chunked\r\n{chunks}", MALFORMED),
        ("Host: x\r\nTransfer-Encoding: , chunked\r\n{chunks}", MALFORMED),
        ("Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n{chunks}", MALFORMED),
        ("Host: x\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n{chunks}", MALFORMED),
        ("Host: x\r\nTransfer-Encoding: chunked, gzip\r\n{chunks}", MALFORMED),
        ("Host: x\r\nTransfer-Encoding: gzip\r\n{chunks}", MALFORMED),
        ("Host: x\r\nTransfer-Encoding: identity\r\n{json}", MALFORMED),
        ("Host: x\r\nTransfer-Encoding: xchunked\r\n{chunks}", MALFORMED),
        ("Host: x\r\nTransfer-Encoding:\r\n{json}", MALFORMED),
        // Both are a way to hide a request in another: the coding counts, and the connection ends (RFC 9112, section 6.1).
        ("Host: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n{chunks}", (201, "", false)),
        ("Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n{chunks}", (201, "", false)),
    ];
    check(CREATE, &cases);
    let cases = [("Host: x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n{chunks}", MALFORMED)];
    check(&CREATE.replace("HTTP/1.1", "HTTP/1.0"), &cases);
}

#[test]
fn the_only_content_coding_is_identity() {
    const REFUSED: Expected = (415, "Unsupported media type", false);
    let cases = [
        ("Host: x\r\nContent-Encoding: identity\r\n{json}", CREATED),
        ("Host: x\r\nContent-Encoding: Identity, identity\r\n{json}", CREATED),
        ("Host: x\r\nContent-Encoding:\r\n{json}", CREATED),
        ("Host: x\r\nContent-Encoding: gzip\r\n{json}", REFUSED),
        ("Host: x\r\nContent-Encoding: identity, br\r\n{json}", REFUSED),
        ("Host: x\r\nContent-Encoding: identity\r\nContent-Encoding: x-own\r\n{json}", REFUSED),
    ];
    check(CREATE, &cases);
    let (_store, session) = start(&[]);
    for &service in SERVICES.iter() {
        let mut caller = Caller::connect(&session, service);
        let head = format!("{CREATE}Host: x\r\nContent-Encoding: gzip\r\n{{json}}");
        caller.send(fill(&head, &session, service));
        assert_eq!(caller.answer().unwrap().header("Accept-Encoding"), Some("identity"));
        let mut caller = Caller::connect(&session, service);
        caller.send(fill(&head.replace("{token}", "wrong"), &session, service));
        assert_eq!(caller.answer().unwrap().status, 401, "the token comes first");
    }
}

#[test]
fn a_singleton_field_with_two_values_is_malformed() {
    let cases = [
        ("Host: x\r\nContent-Type: application/json\r\n{json}", CREATED),
        ("Host: x\r\nContent-Type: text/plain\r\n{json}", MALFORMED),
        ("Host: x\r\nContent-Type: application/json;charset=utf-8\r\n{json}", MALFORMED),
        ("Host: x\r\nContent-Length: {length}\r\n{json}", CREATED),
        ("Host: x\r\nContent-Length: 1\r\n{json}", MALFORMED),
        ("Host: x\r\nContent-Type: application/json\r\nContent-Length: 2, 2\r\n\r\n{}", MALFORMED),
        ("Host: x\r\nContent-Type: application/json\r\nContent-Length: +2\r\n\r\n{}", MALFORMED),
        ("Host: x\r\nContent-Type: application/json\r\nContent-Length: -2\r\n\r\n{}", MALFORMED),
        ("Host: x\r\nContent-Type: application/json\r\nContent-Length:\r\n\r\n{}", MALFORMED),
        ("Host: x\r\nIdempotency-Key: one\r\nIdempotency-Key: two\r\n{json}", MALFORMED),
        ("Host: x\r\nIdempotency-Key: once\r\nIdempotency-Key: once\r\n{json}", CREATED),
        ("Host: x\r\nX-Request-Timeout-Ms: 5000\r\nX-Request-Timeout-Ms: 6000\r\n{json}", MALFORMED),
        ("Host: x\r\nX-Request-Timeout-Ms: 5000\r\nX-Request-Timeout-Ms: 5000\r\n{json}", CREATED),
        // Fields that may be repeated, and those that only name the request, refuse nothing.
        ("Host: x\r\nAccept: a/b\r\nAccept: c/d\r\nCookie: a\r\nCookie: b\r\n{json}", CREATED),
        ("Host: x\r\nX-Request-Id: one\r\nX-Request-Id: two\r\n{json}", CREATED),
        ("Host: x\r\nTraceparent: one\r\nTraceparent: two\r\n{json}", CREATED),
    ];
    check(CREATE, &cases);
}

#[test]
fn a_parse_error_has_the_error_shape_and_is_logged_and_counted() {
    let (mut store, session) = start(&[]);
    let large = "x".repeat(64 * 1024);
    let cases = [
        ("HELLO store\r\n\r\n".into(), 400, "Malformed request"),
        ("GET /livez HTTP/3.0\r\nHost: x\r\n\r\n".into(), 400, "Malformed request"),
        ("GET  /livez HTTP/1.1\r\nHost: x\r\n\r\n".into(), 400, "Malformed request"),
        ("GET /li\u{1}vez HTTP/1.1\r\nHost: x\r\n\r\n".into(), 400, "Malformed request"),
        ("GET /livez HTTP/1.1\r\nHost: x\r\nNo colon\r\n\r\n".into(), 400, "Malformed request"),
        ("GET /livez HTTP/1.1\r\nHost : x\r\n\r\n".into(), 400, "Malformed request"),
        ("GET /livez HTTP/1.1\r\nHost: x\r\nFolded: a\r\n b\r\n\r\n".into(), 400, "Malformed request"),
        ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n\r\n".into(), 400, "Malformed request"),
        (
            format!("GET /livez HTTP/1.1\r\nHost: x\r\nX-Large: {large}\r\n\r\n"),
            431,
            "Request header fields too large",
        ),
        (
            format!("GET /livez HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(200)),
            431,
            "Request header fields too large",
        ),
        (format!("GET /{large} HTTP/1.1\r\nHost: x\r\n\r\n"), 414, "URI too long"),
    ];
    for &service in SERVICES.iter() {
        for (request, status, text) in &cases {
            for is_kept in [false, true] {
                let mut caller = Caller::connect(&session, service);
                assert!(!is_kept || caller.goes_on());
                caller.send(request);
                let answer = caller.answer().unwrap_or_else(|| panic!("no answer to {request:.80}"));
                assert_eq!(
                    (answer.status, answer.error().as_deref()),
                    (*status, Some(*text)),
                    "{request:.80}"
                );
                assert_eq!(answer.body, format!(r#"{{"error":"{text}"}}"#).as_bytes());
                for (name, value) in [
                    ("connection", "close"),
                    ("content-type", "application/json"),
                    ("cache-control", "no-store"),
                    ("x-content-type-options", "nosniff"),
                ] {
                    assert_eq!(answer.header(name), Some(value), "{answer}");
                }
                assert!(answer.header("date").is_some(), "{answer}");
                assert!(!caller.goes_on(), "{request:.80}");
            }
        }
        let mut caller = Caller::connect(&session, service);
        caller.send("GET /livez HTTP/1.1\r\n\r\n");
        assert_eq!(caller.answer().unwrap().status, 400);
        store.service(service).wait_for_log(
            "request failed error=\"Malformed request\" cause=\"Host is missing, repeated or malformed\"",
        );
        let metrics = Metrics::of(&session, service).unwrap();
        for (status, count) in [(400, 16.0), (431, 4.0), (414, 2.0)] {
            let label = format!("http_response_status_code=\"{status}\"");
            assert_eq!(metrics.sum("http_server_parse_errors_total", &[&label]), count, "{metrics:#?}");
            store.service(service).wait_for_log(&format!("parse error status={status} peer=127.0.0.1:"));
        }
    }
}

#[test]
fn http_2_is_logged_and_counted() {
    let (mut store, session) = start(&[]);
    for &service in SERVICES.iter() {
        let mut caller = Caller::connect(&session, service);
        caller.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        assert!(caller.answer().is_none());
        store.service(service).wait_for_log("parse error");
    }
}

#[test]
fn an_upgrade_is_ignored() {
    let upgrade = "Host: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n";
    check(CREATE, &[(&format!("{upgrade}{{json}}"), CREATED)]);
}

#[test]
fn every_path_follows_one_rule() {
    const NOWHERE: Expected = (404, "Not found", true);
    let forms = |path: &str| {
        let (first, rest) = path[1..].split_at(1);
        let encoded = format!("%{:02X}{rest}", first.as_bytes()[0]);
        let lower = format!("%{:02x}{rest}", first.as_bytes()[0]);
        [
            (path.to_owned(), true),
            (format!("{path}/"), true),
            (format!("/{encoded}"), true),
            (format!("/{lower}/"), true),
            (format!("{path}?a=/b/"), true),
            (format!("{path}//"), false),
            (format!("/{path}"), false),
            (format!("//{rest}"), false),
            (format!("{path}%2F"), false),
            (format!("/%2F{}", &path[1..]), false),
            (format!("{path}%00"), false),
            (format!("{path}%ff"), false),
            (format!("{path}%"), false),
            (format!("/.{path}"), false),
            (format!("{path}/."), false),
            (path.to_uppercase(), false),
        ]
    };
    let mut cases = vec![];
    for path in ["/livez", "/readyz", "/docs", "/openapi.json", "/metrics"] {
        cases.extend(forms(path).map(|(path, is_known)| (path, if is_known { FINE } else { NOWHERE })));
    }
    // Another method than the operation's: known, and nothing is done.
    const KNOWN: Expected = (405, "Method not allowed", true);
    let mut operations = vec![];
    for &service in SERVICES.iter() {
        operations.extend(forms(&format!("/{service}")).map(|(path, is_known)| (service, path, is_known)));
        let id = format!("/{service}/1");
        for (path, is_known) in [
            (id.clone(), true),
            (format!("{id}/"), true),
            (format!("/{service}/%31"), true),
            (format!("/{service}/%31/"), true),
            (format!("/{service}%2F1"), false),
            (format!("/{service}//1"), false),
            (format!("/{service}/1//"), false),
        ] {
            operations.push((service, path, is_known));
        }
    }
    let request = |method: &str, path: &str| format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    let cases: Vec<(String, Expected)> =
        cases.into_iter().map(|(path, expected)| (request("GET", &path), expected)).collect();
    let cases: Vec<(&str, Expected)> =
        cases.iter().map(|(request, expected)| (request.as_str(), *expected)).collect();
    check("", &cases);

    let (_store, session) = start(&[]);
    for (service, path, is_known) in operations {
        // `/{service}/.` is an id that is none.
        let is_known = is_known || path.ends_with("/.");
        let mut caller = Caller::connect(&session, service);
        caller.send(request("PATCH", &path));
        let answer = caller.answer().unwrap();
        let (status, text, _) = if is_known { KNOWN } else { NOWHERE };
        assert_eq!((answer.status, answer.error().as_deref()), (status, Some(text)), "{path}");
    }
}

#[test]
fn options_names_the_methods_of_a_known_path() {
    let (_store, session) = start(&[]);
    for &service in SERVICES.iter() {
        let allow = |path: &str| {
            let mut caller = Caller::connect(&session, service);
            caller.send(format!("OPTIONS {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
            let answer = caller.answer().unwrap();
            assert!(caller.goes_on());
            (answer.status, answer.header("Allow").map(ToOwned::to_owned), answer.body.len())
        };
        for path in ["/", "/docs", "/docs/", "/openapi.json", "/livez", "/readyz", "/metrics"] {
            assert_eq!(allow(path), (204, Some("GET, HEAD, OPTIONS".into()), 0), "{path}");
        }
        for document in CONTRACT.documents.iter().filter(|document| document.service == service) {
            for operation in &document.operations {
                let (status, allow, length) = allow(&operation.path("1"));
                assert_eq!((status, length), (204, 0));
                let allow = allow.unwrap();
                let allowed: BTreeSet<&str> = allow.split(", ").collect();
                let of_path = document.operations.iter().filter(|other| other.template == operation.template);
                let mut expected: BTreeSet<&str> = of_path.map(|other| other.method.as_str()).collect();
                if expected.contains("GET") {
                    expected.insert("HEAD");
                }
                expected.insert("OPTIONS");
                assert_eq!(allowed, expected, "{}", operation.template);
            }
        }
        assert_eq!(allow("*"), (204, None, 0));
        assert_eq!(allow("/nowhere").0, 404);
    }
}

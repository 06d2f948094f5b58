//! HTTP/1.1 at the edge, to the letter of RFC 9110 and RFC 9112, over raw sockets on all three services. Each rule is a table:
//! what is sent, what is answered, whether the connection ends, and that nothing but a 201 stores something.
//! `cargo test -p contract-tests --test edge`.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant},
};

use contract_tests::{
    contract::CONTRACT,
    exchange::{Answer, Request},
    metrics::Metrics,
    replay::situations,
    session::{self, Session},
    store::{SERVICES, Store},
};

/// Within which time an answer or an end is there, also on a slow machine.
const SOON: Duration = Duration::from_secs(10);

/// The start of a request that creates something.
const CREATE: &str = "POST /{service} HTTP/1.1\r\nAuthorization: Bearer {token}\r\n";

/// A store that has a product, an order and a payment.
fn start(settings: &[(&str, &str)]) -> (Store, Session) {
    let (store, session) = session::start(env!("CARGO_BIN_EXE_store-under-test"), settings);
    situations::prepare(&session).unwrap();
    (store, session)
}

/// Somebody who writes HTTP by hand.
struct Caller {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Caller {
    fn connect(session: &Session, service: &str) -> Self {
        let address = session.deployment.service(service).url.trim_start_matches("http://");
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        Self { stream, heard: Vec::new() }
    }

    /// Sends bytes, even if nobody takes them any more.
    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Hears more, until `is_enough`. False if the connection ends before.
    fn hear(&mut self, is_enough: impl Fn(&[u8]) -> bool) -> bool {
        let mut more = [0; 16 * 1024];
        while !is_enough(&self.heard) {
            match self.stream.read(&mut more) {
                Ok(length) if length > 0 => self.heard.extend_from_slice(&more[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    panic!("neither answer nor end")
                }
                _ => return false,
            }
        }
        true
    }

    /// The next answer, if one comes before the connection ends.
    fn answer(&mut self) -> Option<Answer> {
        let end = |bytes: &[u8], mark: &[u8]| {
            Some(bytes.windows(mark.len()).position(|at| at == mark)? + mark.len())
        };
        if !self.hear(|heard| end(heard, b"\r\n\r\n").is_some()) {
            return None;
        }
        let body = end(&self.heard, b"\r\n\r\n").unwrap();
        let head = String::from_utf8(self.heard[..body].to_vec()).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status: u16 = lines.next().unwrap()[9..12].parse().unwrap();
        let fields = lines.map(|line| line.split_once(": ").unwrap());
        let mut answer = Answer {
            status,
            headers: fields.map(|(name, value)| (name.into(), value.into())).collect(),
            body: Vec::new(),
        };
        let length: Option<usize> = answer.header("content-length").map(|length| length.parse().unwrap());
        let whole = |heard: &[u8]| match length {
            Some(length) => (heard.len() >= body + length).then_some(body + length),
            None if status == 204 => Some(body),
            None => end(heard, b"\r\n0\r\n\r\n"),
        };
        assert!(self.hear(|heard| whole(heard).is_some()), "the answer breaks off: {head}");
        let whole = whole(&self.heard).unwrap();
        answer.body = self.heard[body..whole].to_vec();
        self.heard.drain(..whole);
        Some(answer)
    }

    /// Whether another request is answered on the same connection.
    fn goes_on(&mut self) -> bool {
        self.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
        self.answer().is_some_and(|answer| answer.status == 200)
    }
}

/// What was written for one service. `{json}` are the last fields and the body of a valid create, `{chunks}` is that body in
/// chunks.
fn fill(text: &str, session: &Session, service: &str) -> String {
    let operations = &CONTRACT.document(service).operations;
    let create = operations.iter().find(|operation| operation.method == "POST").unwrap();
    let body = create.example().unwrap().to_string();
    let length = body.len();
    text.replace(
        "{json}",
        &format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"),
    )
    .replace("{chunks}", &format!("Content-Type: application/json\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"))
    .replace("{length}", &length.to_string())
    .replace("{body}", &body)
    .replace("{service}", service)
    .replace("{token}", &session.deployment.service(service).token)
}

/// The status and the text of an answer, and whether the connection goes on after it.
type Expected = (u16, &'static str, bool);

const CREATED: Expected = (201, "", true);
const FINE: Expected = (200, "", true);
const MALFORMED: Expected = (400, "Malformed request", false);

/// What starts with `start` and goes on as each case says is answered as it says, by every service.
fn check(start_with: &str, cases: &[(&str, Expected)]) {
    let (store, session) = start(&[]);
    for service in SERVICES {
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
fn host_is_there_once_and_well_formed() {
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
fn host_is_asked_for_at_every_path_and_only_http_1_0_may_lack_it() {
    let token = "Authorization: Bearer {token}";
    let close = "Connection: keep-alive";
    let cases = [
        (format!("GET /livez HTTP/1.1\r\n\r\n"), MALFORMED),
        (format!("GET /docs HTTP/1.1\r\nHost: a b\r\n\r\n"), MALFORMED),
        (format!("GET /nowhere HTTP/1.1\r\n\r\n"), MALFORMED),
        (format!("DELETE /livez HTTP/1.1\r\n\r\n"), MALFORMED),
        (format!("GET /{{service}}/1 HTTP/1.1\r\n\r\n"), MALFORMED),
        (format!("GET http://localhost/{{service}}/1 HTTP/1.1\r\n{token}\r\n\r\n"), MALFORMED),
        (format!("GET http://localhost/{{service}}/1 HTTP/1.1\r\nHost: other\r\n{token}\r\n\r\n"), FINE),
        (format!("GET /{{service}}/1 HTTP/1.0\r\n{close}\r\n{token}\r\n\r\n"), FINE),
        (format!("GET /{{service}}/1 HTTP/1.0\r\n{close}\r\nHost: a\r\n{token}\r\n\r\n"), FINE),
        (
            format!("GET /{{service}}/1 HTTP/1.0\r\n{close}\r\nHost: a\r\nHost: b\r\n{token}\r\n\r\n"),
            MALFORMED,
        ),
        (format!("GET /{{service}}/1 HTTP/1.0\r\n{close}\r\nHost: a b\r\n{token}\r\n\r\n"), MALFORMED),
    ];
    check("", &cases.each_ref().map(|(request, expected)| (request.as_str(), *expected)));
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
    for service in SERVICES {
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
fn what_may_be_there_once_is_not_there_with_two_values() {
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
        // What may be there often, and what only names the request, takes nobody's request away.
        ("Host: x\r\nAccept: a/b\r\nAccept: c/d\r\nCookie: a\r\nCookie: b\r\n{json}", CREATED),
        ("Host: x\r\nX-Request-Id: one\r\nX-Request-Id: two\r\n{json}", CREATED),
        ("Host: x\r\nTraceparent: one\r\nTraceparent: two\r\n{json}", CREATED),
    ];
    check(CREATE, &cases);
}

#[test]
fn what_the_parser_refuses_is_answered_in_the_shape_of_every_error_and_logged_and_counted() {
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
    for service in SERVICES {
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
        let page = session.expect(&Request::new(service, "GET", "/metrics"), 200, None).unwrap();
        let metrics = Metrics::read(&String::from_utf8(page.body).unwrap()).unwrap();
        for (status, count) in [(400, 16.0), (431, 4.0), (414, 2.0)] {
            let label = format!("http_response_status_code=\"{status}\"");
            assert_eq!(metrics.sum("http_server_parse_errors_total", &[&label]), count, "{metrics:#?}");
            store
                .service(service)
                .wait_for_log(&format!("what came is no request status={status} peer=127.0.0.1:"));
        }
    }
}

#[test]
fn who_speaks_http_2_is_logged_and_counted() {
    let (mut store, session) = start(&[]);
    for service in SERVICES {
        let mut caller = Caller::connect(&session, service);
        caller.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        assert!(caller.answer().is_none());
        store.service(service).wait_for_log("what came is no request");
    }
}

#[test]
fn the_last_answer_arrives_whatever_the_head_says_of_the_connection() {
    let (_store, session) = start(&[]);
    let fields = [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\n",
        "Upgrade: h2c\r\n",
        "Connection: close\r\nUpgrade: h2c\r\n",
        "Connection: close\r\n",
        "Connection: keep-alive, close\r\n",
        "TE: trailers\r\nConnection: TE\r\n",
        "Expect: 100-continue\r\n",
    ];
    let body = vec![b' '; 1_000_000];
    let send = |service: &str, start: &str, fields: &str, token: &str, status: u16| {
        let head = format!("{start} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{fields}");
        let head = format!("{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        let mut caller = Caller::connect(&session, service);
        caller.send(fill(&head, &session, service));
        // All of it is sent before a byte is read, as many callers do.
        caller.send(&body);
        let answer = caller.answer().unwrap_or_else(|| panic!("no answer to {head}"));
        assert_eq!(answer.status, status, "{head}");
    };
    for service in SERVICES {
        for _ in 0..50 {
            send(service, "POST /{service}", fields[0], "wrong", 401);
            send(service, "POST /{service}", fields[0], "{token}", 413);
        }
        for fields in fields {
            send(service, "POST /{service}", fields, "wrong", 401);
            send(service, "POST /{service}", fields, "{token}", 413);
            send(service, "POST /nowhere", fields, "{token}", 404);
        }
        send(service, "CONNECT x:1", "", "{token}", 404);
    }
}

#[test]
fn who_asks_for_an_upgrade_stays_with_http_1_1() {
    let upgrade = "Host: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n";
    check(CREATE, &[(&format!("{upgrade}{{json}}"), CREATED)]);
}

#[test]
fn there_is_one_rule_for_paths() {
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
    for service in SERVICES {
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
    for service in SERVICES {
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
            for (template, path) in document.json["paths"].as_object().unwrap() {
                let (status, allow, length) = allow(&template.replace("{id}", "1"));
                assert_eq!((status, length), (204, 0));
                let allow = allow.unwrap();
                let mut allowed: Vec<&str> = allow.split(", ").collect();
                assert_eq!(allowed.pop(), Some("OPTIONS"));
                allowed.retain(|method| *method != "HEAD");
                let methods: Vec<String> =
                    path.as_object().unwrap().keys().map(|it| it.to_uppercase()).collect();
                assert_eq!(allowed, methods, "{template}");
            }
        }
        assert_eq!(allow("/nowhere").0, 404);
    }
}

#[test]
fn a_kept_connection_has_an_idle_time_of_its_own() {
    let (_store, session) = start(&[("HEAD_TIMEOUT_MS", "200"), ("IDLE_TIMEOUT_MS", "60000")]);
    for service in SERVICES {
        // A stranger who says nothing is not kept for so long.
        let mut silent = Caller::connect(&session, service);
        assert!(silent.answer().is_none());
        let mut caller = Caller::connect(&session, service);
        for _ in 0..3 {
            assert!(caller.goes_on());
            thread::sleep(Duration::from_millis(500));
        }
        caller.send("GET /livez HTTP/1.1\r\nHost: x\r\n");
        assert!(caller.answer().is_none(), "a head that began has the time of a head");
        // A head that comes in parts is served, and the next may wait again.
        let mut caller = Caller::connect(&session, service);
        for _ in 0..2 {
            caller.send("GET /livez HTTP/1.1\r\n");
            thread::sleep(Duration::from_millis(20));
            caller.send("Host: x\r\n\r\n");
            assert_eq!(caller.answer().map(|answer| answer.status), Some(200));
            thread::sleep(Duration::from_millis(500));
        }
    }
}

#[test]
fn who_is_idle_for_too_long_is_given_up() {
    let (_store, session) = start(&[("HEAD_TIMEOUT_MS", "60000"), ("IDLE_TIMEOUT_MS", "300")]);
    for service in SERVICES {
        let mut caller = Caller::connect(&session, service);
        assert!(caller.goes_on());
        let began = Instant::now();
        assert!(caller.answer().is_none());
        assert!(began.elapsed() < SOON);
    }
}

#[test]
fn the_idle_time_is_announced_to_who_keeps_the_connection() {
    let (_store, session) = start(&[]);
    let head = "GET /livez HTTP/1.1\r\nHost: x\r\n";
    let cases = [
        (format!("{head}\r\n"), Some(("keep-alive", "timeout=80"))),
        (format!("{head}Connection: close\r\n\r\n"), None),
        (format!("{head}Connection: keep-alive, Close\r\n\r\n"), None),
        (head.replace("1.1", "1.0") + "Connection: keep-alive\r\n\r\n", Some(("keep-alive", "timeout=80"))),
        (head.replace("1.1", "1.0") + "\r\n", None),
    ];
    for service in SERVICES {
        for (request, announced) in &cases {
            let mut caller = Caller::connect(&session, service);
            caller.send(request);
            let answer = caller.answer().unwrap();
            assert_eq!(answer.header("keep-alive"), announced.map(|(_, time)| time), "{request}\n{answer}");
            let connection = answer.header("connection").filter(|option| *option != "close");
            assert_eq!(connection, announced.map(|(option, _)| option), "{request}\n{answer}");
            assert_eq!(caller.goes_on(), announced.is_some(), "{request}\n{answer}");
        }
    }
}

#[test]
fn who_closes_the_sending_side_after_a_request_is_served() {
    let (store, session) = start(&[]);
    for service in SERVICES {
        let before = store.rows(service);
        for request in [
            format!("{CREATE}Host: x\r\n{{json}}"),
            format!("{CREATE}Host: x\r\nTransfer-Encoding: chunked\r\n{{chunks}}"),
            "GET /{service}/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".into(),
        ] {
            let expected = if request.starts_with("POST") { 201 } else { 200 };
            for _ in 0..50 {
                let mut caller = Caller::connect(&session, service);
                caller.send(fill(&request, &session, service));
                caller.stream.shutdown(Shutdown::Write).unwrap();
                assert_eq!(caller.answer().map(|answer| answer.status), Some(expected), "{request}");
                assert!(caller.answer().is_none());
            }
        }
        assert_eq!(store.rows(service) - before, 100);
    }
}

#[test]
fn who_hangs_up_in_the_middle_of_a_request_takes_no_place() {
    let (_store, session) = start(&[("MAX_REQUESTS", "1"), ("BODY_TIMEOUT_MS", "60000")]);
    for service in SERVICES {
        for half in ["POST /{service} HTTP/1.1\r\nHost: x\r\n", "{whole}"] {
            let head =
                format!("{CREATE}Host: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{");
            let mut caller = Caller::connect(&session, service);
            caller.send(fill(&half.replace("{whole}", &head), &session, service));
            drop(caller);
        }
        let began = Instant::now();
        let request = session.request(service, "GET", format!("/{service}/1"));
        while session.send(&request).unwrap().status == 503 {
            assert!(began.elapsed() < SOON, "the place is still taken");
        }
    }
}

//! Bytes that are not HTTP/1.1 at all.

use contract_tests::{
    engine::deployment::SERVICES,
    harness::{caller::Caller, metrics::Metrics},
};

use crate::start;

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
                let response = caller.response().unwrap_or_else(|| panic!("no response to {request:.80}"));
                assert_eq!(
                    (response.status, response.error().as_deref()),
                    (*status, Some(*text)),
                    "{request:.80}"
                );
                assert_eq!(response.body, format!(r#"{{"error":"{text}"}}"#).as_bytes());
                for (name, value) in [
                    ("connection", "close"),
                    ("content-type", "application/json"),
                    ("cache-control", "no-store"),
                    ("x-content-type-options", "nosniff"),
                ] {
                    assert_eq!(response.header(name), Some(value), "{response}");
                }
                assert!(response.header("date").is_some(), "{response}");
                assert!(!caller.goes_on(), "{request:.80}");
            }
        }
        let mut caller = Caller::connect(&session, service);
        caller.send("GET /livez HTTP/1.1\r\n\r\n");
        assert_eq!(caller.response().unwrap().status, 400);
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
        assert!(caller.response().is_none());
        store.service(service).wait_for_log("parse error");
    }
}

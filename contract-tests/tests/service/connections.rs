//! How connections are kept and how they end, over raw sockets on all services.

use std::{
    io::Write,
    net::Shutdown,
    thread,
    time::{Duration, Instant},
};

use contract_tests::{
    engine::deployment::SERVICES,
    harness::caller::{CREATE, Caller, SOON, fill},
};

use crate::start;

#[test]
fn a_last_response_arrives_with_any_connection_options() {
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
    let body = vec![b' '; 4_000_000];
    let send = |service: &str, start: &str, fields: &str, token: &str, status: u16| {
        let head = format!("{start} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{fields}");
        let head = format!("{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        let mut caller = Caller::connect(&session, service);
        caller.send(fill(&head, &session, service));
        // All of it is sent before a byte is read, as many callers do.
        let sent = caller.stream.write_all(&body);
        assert!(sent.is_ok(), "the body is not taken to its end: {head}");
        let response = caller.response().unwrap_or_else(|| panic!("no response to {head}"));
        assert_eq!(response.status, status, "{head}");
    };
    for &service in SERVICES.iter() {
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
fn a_kept_connection_has_its_own_idle_timeout() {
    let (_store, session) = start(&[("HEADER_READ_TIMEOUT", "400ms"), ("IDLE_TIMEOUT", "60s")]);
    for &service in SERVICES.iter() {
        // A silent connection without a token is not kept for so long.
        let mut silent = Caller::connect(&session, service);
        assert!(silent.response().is_none());
        let mut caller = Caller::connect(&session, service);
        for _ in 0..3 {
            assert!(caller.goes_on());
            thread::sleep(Duration::from_millis(600));
        }
        caller.send("GET /livez HTTP/1.1\r\nHost: x\r\n");
        assert!(caller.response().is_none(), "a head that began has the time of a head");
        // A head that comes in parts is served, and the next may wait again.
        let mut caller = Caller::connect(&session, service);
        for _ in 0..2 {
            caller.send("GET /livez HTTP/1.1\r\n");
            thread::sleep(Duration::from_millis(20));
            caller.send("Host: x\r\n\r\n");
            assert_eq!(caller.response().map(|response| response.status), Some(200));
            thread::sleep(Duration::from_millis(600));
        }
    }
}

#[test]
fn an_idle_connection_times_out() {
    let (_store, session) = start(&[("HEADER_READ_TIMEOUT", "60s"), ("IDLE_TIMEOUT", "300ms")]);
    for &service in SERVICES.iter() {
        let mut caller = Caller::connect(&session, service);
        assert!(caller.goes_on());
        let began = Instant::now();
        assert!(caller.response().is_none());
        assert!(began.elapsed() < SOON);
    }
}

#[test]
fn keep_alive_announces_the_idle_timeout() {
    let (_store, session) = start(&[]);
    let head = "GET /livez HTTP/1.1\r\nHost: x\r\n";
    let cases = [
        (format!("{head}\r\n"), Some(("keep-alive", "timeout=80"))),
        (format!("{head}Connection: close\r\n\r\n"), None),
        (format!("{head}Connection: keep-alive, Close\r\n\r\n"), None),
        (head.replace("1.1", "1.0") + "Connection: keep-alive\r\n\r\n", Some(("keep-alive", "timeout=80"))),
        (head.replace("1.1", "1.0") + "\r\n", None),
    ];
    for &service in SERVICES.iter() {
        for (request, announced) in &cases {
            let mut caller = Caller::connect(&session, service);
            caller.send(request);
            let response = caller.response().unwrap();
            assert_eq!(
                response.header("keep-alive"),
                announced.map(|(_, time)| time),
                "{request}\n{response}"
            );
            let connection = response.header("connection").filter(|option| *option != "close");
            assert_eq!(connection, announced.map(|(option, _)| option), "{request}\n{response}");
            assert_eq!(caller.goes_on(), announced.is_some(), "{request}\n{response}");
        }
    }
}

#[test]
fn a_caller_that_closes_its_sending_side_is_served() {
    let (store, session) = start(&[]);
    for &service in SERVICES.iter() {
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
                assert_eq!(caller.response().map(|response| response.status), Some(expected), "{request}");
                assert!(caller.response().is_none());
            }
        }
        assert_eq!(store.rows(service) - before, 100);
    }
}

#[test]
fn an_aborted_request_releases_its_place() {
    let (_store, session) = start(&[("MAX_REQUESTS", "1"), ("BODY_TIMEOUT", "60s")]);
    for &service in SERVICES.iter() {
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

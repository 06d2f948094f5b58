//! A response counts as in flight until it is sent, is logged then, and never looks whole when it is not.

use std::io::ErrorKind;

use super::*;

#[test]
fn a_list_counts_as_in_flight_until_it_is_sent() {
    let _machine = alone();
    let (mut store, session) = start_with_list(&[("MAX_REQUESTS", "4")]);
    // The first reader warms up what every reader shares.
    let length = session.send(&session.request("products", "GET", "/products")).unwrap().body.len();
    let process = store.service("products");
    let before = process.resident();
    let mut readers: Vec<TcpStream> = (0..50).map(|_| connect(&session)).collect();
    let statuses: Vec<String> =
        readers.iter_mut().map(|stream| ask(stream, "/products", "HTTP/1.1", "reader")).collect();
    let count = |status: &str| statuses.iter().filter(|line| line.ends_with(status)).count();
    assert_eq!((count("200"), count("503")), (4, 46), "{statuses:?}");
    assert_eq!(in_flight(&session), 4.0);
    let grown = process.resident().saturating_sub(before);
    assert!(grown < 10 * 1024 * 1024, "the readers take {grown} bytes");
    let refused = session.request("products", "GET", "/products?limit=1");
    let refused = session.expect(&refused, 503, None).unwrap();
    assert!(refused.header("Retry-After").is_some());

    drop(readers);
    // The one that asks is counted too, if there is a place for it.
    eventually(|| in_flight(&session) <= 1.0);
    let whole = session.send(&session.request("products", "GET", "/products")).unwrap();
    assert_eq!((whole.status, whole.body.len()), (200, length));
}

#[test]
fn a_page_counts_as_in_flight_until_it_is_sent() {
    let _machine = alone();
    let (store, session) = start(&[("MAX_REQUESTS", "1")]);
    fill_and_wait(&store, &session, 1000);
    let mut reader = connect_with_little_room(&session);
    assert_eq!(ask(&mut reader, "/products?limit=1000", "HTTP/1.1", "reader"), "HTTP/1.1 200");
    session.expect(&session.request("products", "GET", "/products/1"), 503, None).unwrap();
    drop(reader);
    eventually(|| session.send(&session.request("products", "GET", "/products/1")).unwrap().status == 200);
}

#[test]
fn a_list_is_logged_and_counted_when_it_is_over() {
    let _machine = alone();
    let (mut store, session) = start_with_list(&[]);
    let mut stream = stalled_list(&session, "HTTP/1.0", "patient-1");
    thread::sleep(Duration::from_millis(300));
    let seconds = "http_server_request_duration_seconds_sum";
    let before = metric(&session, seconds);
    assert!(!store.service("products").log().contains("patient-1"), "logged before it is over");
    let (body, outcome) = rest(&mut stream);
    outcome.expect("a clean end");
    assert!(body.ends_with(b"}]"));
    store.service("products").wait_for_log("patient-1");
    let took = milliseconds(&store.service("products").log(), "answered", "patient-1");
    assert!(took >= 300.0, "{took}");
    assert!(metric(&session, seconds) - before >= 0.3);
    assert_eq!(metric(&session, "http_server_broken_responses_total"), 0.0);
}

/// The duration in the access line of the request with this id.
#[track_caller]
fn milliseconds(log: &str, message: &str, id: &str) -> f64 {
    let id = format!("request_id={id}");
    let mut lines = log.lines().filter(|line| line.contains(&id) && line.contains("route="));
    let line = lines.next().unwrap_or_else(|| panic!("{id} is not in {log}"));
    assert!(line.contains(&format!("INFO {message} method=GET")) && line.contains("trace_id="), "{line}");
    assert_eq!(lines.next(), None, "logged twice");
    line.split(" ms=").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
}

/// Lets a list fail that is being sent.
fn break_database(store: &Store) {
    let connection = rusqlite::Connection::open(store.database("products")).unwrap();
    connection.execute_batch("ALTER TABLE product RENAME TO moved").unwrap();
}

#[test]
fn a_list_that_breaks_off_is_logged_with_cause_and_ids() {
    let _machine = alone();
    let (mut store, session) = start_with_list(&[]);
    let mut stream = stalled_list(&session, "HTTP/1.1", "broken-1");
    thread::sleep(Duration::from_millis(300));
    break_database(&store);
    let (body, _) = rest(&mut stream);
    assert!(!body.ends_with(b"0\r\n\r\n"), "it looks whole");
    let process = store.service("products");
    process.wait_for_log("broke off");
    let log = process.log();
    let cause = log.lines().find(|line| line.contains("no such table")).expect("a cause");
    assert!(cause.contains("request_id=broken-1") && cause.contains("trace_id="), "{cause}");
    assert!(milliseconds(&log, "broke off", "broken-1") >= 300.0);
    assert_eq!(metric(&session, "http_server_broken_responses_total"), 1.0);
}

#[test]
fn a_list_whose_caller_hangs_up_is_logged_as_broken_off() {
    let _machine = alone();
    let (mut store, session) = start_with_list(&[]);
    drop(stalled_list(&session, "HTTP/1.1", "gone-1"));
    store.service("products").wait_for_log("gone-1");
    milliseconds(&store.service("products").log(), "broke off", "gone-1");
}

/// Over HTTP/1.0 the end of the connection ends a list, so one that is cut off in this way ends with a reset.
#[track_caller]
fn is_reset(settings: &[(&str, &str)], cut_off: impl FnOnce(&mut Store)) {
    let (mut store, session) = start_with_list(settings);
    let mut stream = stalled_list(&session, "HTTP/1.0", "cut-1");
    cut_off(&mut store);
    let (_, outcome) = rest(&mut stream);
    assert_eq!(outcome.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
}

#[test]
fn over_http_1_0_a_list_that_fails_is_reset() {
    let _machine = alone();
    is_reset(&[], |store| break_database(store));
}

#[test]
fn over_http_1_0_a_list_that_is_cut_off_by_a_stop_is_reset() {
    let _machine = alone();
    is_reset(&[("DRAIN_TIMEOUT", "100ms")], |store| {
        let log = store.service("products").whole_log();
        milliseconds(&log, "broke off", "cut-1");
    });
}

#[test]
fn over_http_1_0_an_unread_list_is_reset() {
    let _machine = alone();
    is_reset(&[("WRITE_TIMEOUT", "300ms")], |store| store.service("products").wait_for_log("cut-1"));
}

#[test]
fn over_http_1_0_a_list_whose_service_is_killed_is_reset() {
    let _machine = alone();
    is_reset(&[], |store| store.service("products").kill());
}

//! No caller exhausts the permits for connections or the file descriptors.

use std::{fs, io::ErrorKind, process::Command};

use contract_tests::harness::{folders::new_folder, process::run_once, store::Store};

use super::*;

#[test]
fn probes_are_served_despite_silent_connections() {
    let _machine = alone();
    for (limit, count) in [("2", 2), ("2", 100), ("4096", 4200)] {
        let (_store, session) = start(&[("MAX_CONNECTIONS", limit)]);
        let mut silent: Vec<TcpStream> = Vec::new();
        while silent.len() < count {
            // No more at once than may wait to be accepted.
            silent.extend((silent.len()..count).take(500).map(|_| connect(&session)));
            probes_succeed(&session);
        }
    }
}

#[test]
fn the_backlog_holds_a_thousand_connections() {
    let _machine = alone();
    let (mut store, session) = start(&[]);
    let process = store.service("products");
    let address = session.deployment.service("products").url.trim_start_matches("http://").parse().unwrap();
    process.signal("STOP");
    // A connection beyond the backlog is accepted a second later at the earliest.
    let connect = |_| TcpStream::connect_timeout(&address, Duration::from_millis(900));
    let waiting: Vec<_> = (0..1000).map(connect).take_while(Result::is_ok).collect();
    process.signal("CONT");
    assert_eq!(waiting.len(), 1000);
    probes_succeed(&session);
}

/// A request with a token on a connection that is kept.
#[track_caller]
fn read(stream: &mut TcpStream) {
    assert_eq!(ask(stream, "/products/9007199254740991", "HTTP/1.1", "known"), "HTTP/1.1 404");
    assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
}

/// Bytes of unauthenticated callers: nothing, half a head, a request whose response is not read, a wrong token.
const STRANGE: [&str; 4] = [
    "",
    "GET /products HTTP/1.1\r\nHost:",
    "GET /docs HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /products HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\n\r\n",
];

#[test]
fn unauthenticated_connections_do_not_displace_authenticated_ones() {
    let _machine = alone();
    let (mut store, session) = start(&[("MAX_CONNECTIONS", "4")]);
    let process = store.service("products");
    let before = process.open_files();
    let mut known: Vec<TcpStream> = (0..4).map(|_| connect(&session)).collect();
    known.iter_mut().for_each(read);
    let mut unauthenticated = Vec::new();
    for (_, bytes) in (0..80).zip(STRANGE.iter().cycle()) {
        let mut stream = connect(&session);
        let _ = stream.write_all(bytes.as_bytes());
        unauthenticated.push(stream);
        assert!(process.open_files() <= before + 4 + 16, "more connections than the limit and its reserve");
    }
    known.iter_mut().for_each(read);
    probes_succeed(&session);
    known.iter_mut().for_each(read);

    // One more connection with a token takes the place of the one that was idle for longest.
    read(&mut connect(&session));
    let (heard, _) = rest(&mut known[0]);
    assert!(heard.is_empty());
    known[1..].iter_mut().for_each(read);
}

#[test]
fn a_surplus_connection_is_refused_and_displaces_no_busy_one() {
    let _machine = alone();
    let (_store, session) = start_with_list(&[("MAX_CONNECTIONS", "2")]);
    let mut readers: Vec<TcpStream> = (0..2).map(|_| stalled_list(&session, "HTTP/1.1", "reader")).collect();
    for _ in 0..30 {
        probes_succeed(&session);
        let mut surplus = connect(&session);
        assert_eq!(ask(&mut surplus, "/products/1", "HTTP/1.1", "surplus"), "HTTP/1.1 503");
        let (heard, _) = rest(&mut surplus);
        let heard = String::from_utf8(heard).unwrap();
        assert!(
            heard.contains("\r\nretry-after: ") && heard.contains("\r\nconnection: close\r\n"),
            "{heard}"
        );
    }
    for stream in &mut readers {
        let mut whole = Vec::new();
        let mut part = [0; 65536];
        while !whole.ends_with(b"0\r\n\r\n") {
            let length = stream.read(&mut part).unwrap();
            assert!(length > 0, "the list was cut off");
            whole.extend_from_slice(&part[..length]);
            whole.drain(..whole.len().saturating_sub(5));
        }
    }
}

/// A program that starts the store within these limits of descriptors, soft and hard.
fn limited(folder: &std::path::Path, limits: &str) -> String {
    let script = folder.join("limited");
    fs::write(&script, format!("#!/bin/sh\nexec prlimit --nofile={limits} {PROGRAM} \"$@\"\n")).unwrap();
    let made = Command::new("chmod").arg("+x").arg(&script).status();
    assert!(made.is_ok_and(|status| status.success()));
    script.to_str().unwrap().to_owned()
}

#[test]
fn the_usual_soft_limit_of_descriptors_is_raised() {
    let _machine = alone();
    let folder = new_folder();
    let (_store, session) =
        Store::start_with_session(&limited(folder.path(), "256:16000"), &[("HEADER_READ_TIMEOUT", "60s")]);
    let silent: Vec<TcpStream> = (0..1500).map(|_| connect(&session)).collect();
    probes_succeed(&session);
    for stream in &silent {
        stream.set_nonblocking(true).unwrap();
        assert_eq!(stream.peek(&mut [0]).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
    }
}

#[test]
fn limits_that_do_not_fit_the_descriptors_are_refused_at_the_start() {
    let _machine = alone();
    let folder = new_folder();
    let program = limited(folder.path(), "1000:1000");
    for (limit, is_refused) in [("4096", true), ("900", true), ("100", false)] {
        let settings = [("DATA_DIR", folder.path().to_str().unwrap()), ("MAX_CONNECTIONS", limit)];
        let output = run_once(&program, "products", &settings);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), !is_refused, "{limit}: {said}");
        assert_eq!(said.contains("set MAX_CONNECTIONS to "), is_refused, "{said}");
    }
}

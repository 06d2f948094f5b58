//! What holds memory, a place or a descriptor is counted until it is gone, and nobody takes all of them:
//! `cargo test -p contract-tests --test capacity`.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use contract_tests::{
    exchange::Request,
    metrics::Metrics,
    session::{self, Session},
    store::{self, Store},
};
use rusqlite::Connection;
use socket2::{Domain, Socket, Type};

const PROGRAM: &str = env!("CARGO_BIN_EXE_store-under-test");

/// Within which time something happens that does happen, on a slow machine.
const SOON: Duration = Duration::from_secs(10);

/// How many products make a list that no socket buffers hold.
const MANY: usize = 100_000;

fn start(settings: &[(&str, &str)]) -> (Store, Session) {
    let mut all = vec![("HEAD_TIMEOUT_MS", "60000"), ("WRITE_TIMEOUT_MS", "60000")];
    all.extend_from_slice(settings);
    session::start(PROGRAM, &all)
}

fn start_with_list(settings: &[(&str, &str)]) -> (Store, Session) {
    let (store, session) = start(settings);
    fill(&store, &session, MANY);
    (store, session)
}

/// Puts products into the database as fast as can be.
fn fill(store: &Store, session: &Session, count: usize) {
    let insert = format!(
        "WITH RECURSIVE number(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < {count})
         INSERT INTO product (name, price, stock) SELECT printf('%.200c', 'x'), 1.5, i FROM number"
    );
    Connection::open(store.database("products")).unwrap().execute_batch(&insert).unwrap();
    // What another program writes is seen a little later.
    let last = session.request("products", "GET", format!("/products/{count}"));
    eventually(|| session.send(&last).unwrap().status == 200);
}

fn connect(session: &Session) -> TcpStream {
    let address = session.deployment.service("products").url.trim_start_matches("http://");
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

/// A connection on which the systems at both ends hold little, so that a page of products does not fit.
fn connect_with_little_room(session: &Session) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    // What a system holds to be sent grows with the size of a segment.
    socket.set_tcp_mss(536).unwrap();
    let address = session.deployment.service("products").url.trim_start_matches("http://");
    socket.connect(&address.parse::<SocketAddr>().unwrap().into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

/// Asks for `path` and reads the status line only.
fn ask(stream: &mut TcpStream, path: &str, version: &str, id: &str) -> String {
    let request = format!(
        "GET {path} {version}\r\nHost: x\r\nX-Request-Id: {id}\r\nAuthorization: Bearer SECRET_PRODUCTS_TOKEN\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut line = [0; 12];
    stream.read_exact(&mut line).unwrap();
    String::from_utf8(line.to_vec()).unwrap()
}

fn stalled_list(session: &Session, version: &str, id: &str) -> TcpStream {
    let mut stream = connect(session);
    assert_eq!(ask(&mut stream, "/products", version, id), format!("HTTP/1.{} 200", &version[7..]));
    stream
}

/// Reads what is left, and how the connection ends.
fn rest(stream: &mut TcpStream) -> (Vec<u8>, std::io::Result<usize>) {
    let mut read = Vec::new();
    let outcome = stream.read_to_end(&mut read);
    (read, outcome)
}

/// Waits until `is_so`.
#[track_caller]
fn eventually(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < SOON, "not within {SOON:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn metric(session: &Session, name: &str) -> f64 {
    let answer = session.expect(&Request::new("products", "GET", "/metrics"), 200, None).unwrap();
    Metrics::read(&String::from_utf8(answer.body).unwrap()).unwrap().sum(name, &[])
}

fn in_flight(session: &Session) -> f64 {
    metric(session, "http_server_active_requests")
}

/// Probes on connections of their own.
#[track_caller]
fn probes_are_answered(session: &Session) {
    for path in ["/livez", "/readyz", "/metrics"] {
        let mut stream = connect(session);
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let began = Instant::now();
        let (heard, _) = rest(&mut stream);
        assert!(heard.starts_with(b"HTTP/1.1 200"), "{path}: {}", String::from_utf8_lossy(&heard));
        assert!(began.elapsed() < Duration::from_secs(2), "{path} took {:?}", began.elapsed());
    }
}

fn open_files(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).unwrap().count()
}

/// What a process holds in memory (proc_pid_statm(5)).
fn resident(process: u32) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{process}/statm")).unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[test]
fn a_list_counts_as_in_flight_until_it_is_sent() {
    let (mut store, session) = start_with_list(&[("MAX_REQUESTS", "4")]);
    // The first reader warms up what every reader shares.
    let length = session.send(&session.request("products", "GET", "/products")).unwrap().body.len();
    let process = store.service("products").id();
    let before = resident(process);
    let mut readers: Vec<TcpStream> = (0..50).map(|_| connect(&session)).collect();
    let statuses: Vec<String> =
        readers.iter_mut().map(|stream| ask(stream, "/products", "HTTP/1.1", "reader")).collect();
    let count = |status: &str| statuses.iter().filter(|line| line.ends_with(status)).count();
    assert_eq!((count("200"), count("503")), (4, 46), "{statuses:?}");
    assert_eq!(in_flight(&session), 4.0);
    let grown = resident(process).saturating_sub(before);
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
    let (store, session) = start(&[("MAX_REQUESTS", "1")]);
    fill(&store, &session, 1000);
    let mut reader = connect_with_little_room(&session);
    assert_eq!(ask(&mut reader, "/products?limit=1000", "HTTP/1.1", "reader"), "HTTP/1.1 200");
    session.expect(&session.request("products", "GET", "/products/1"), 503, None).unwrap();
    drop(reader);
    eventually(|| session.send(&session.request("products", "GET", "/products/1")).unwrap().status == 200);
}

#[test]
fn a_list_is_logged_and_counted_when_it_is_over() {
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
    let connection = Connection::open(store.database("products")).unwrap();
    connection.execute_batch("ALTER TABLE product RENAME TO moved").unwrap();
}

#[test]
fn a_list_that_breaks_off_tells_its_cause_and_its_ids() {
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
    is_reset(&[], |store| break_database(store));
}

#[test]
fn over_http_1_0_a_list_that_is_cut_off_by_a_stop_is_reset() {
    is_reset(&[("DRAIN_TIMEOUT_MS", "100")], |store| {
        let log = store.service("products").whole_log();
        milliseconds(&log, "broke off", "cut-1");
    });
}

#[test]
fn over_http_1_0_a_list_that_nobody_reads_is_reset() {
    is_reset(&[("WRITE_TIMEOUT_MS", "300")], |store| store.service("products").wait_for_log("cut-1"));
}

#[test]
fn over_http_1_0_a_list_whose_service_is_killed_is_reset() {
    is_reset(&[], |store| store.service("products").kill());
}

#[test]
fn silent_connections_keep_no_probe_out() {
    for (limit, count) in [("2", 2), ("2", 100), ("4096", 4200)] {
        let (_store, session) = start(&[("MAX_CONNECTIONS", limit)]);
        let mut silent: Vec<TcpStream> = Vec::new();
        while silent.len() < count {
            // No more at once than may wait to be accepted.
            silent.extend((silent.len()..count).take(500).map(|_| connect(&session)));
            probes_are_answered(&session);
        }
    }
}

#[test]
fn a_thousand_connections_wait_while_the_service_is_held_up() {
    let (mut store, session) = start(&[]);
    let process = store.service("products").id().to_string();
    let signal =
        |name: &str| assert!(Command::new("kill").args([name, process.as_str()]).status().unwrap().success());
    let address = session.deployment.service("products").url.trim_start_matches("http://").parse().unwrap();
    signal("-STOP");
    // Who is one too many is let in a second later at the earliest.
    let connect = |_| TcpStream::connect_timeout(&address, Duration::from_millis(900));
    let waiting: Vec<_> = (0..1000).map(connect).take_while(Result::is_ok).collect();
    signal("-CONT");
    assert_eq!(waiting.len(), 1000);
    probes_are_answered(&session);
}

/// A request with a token on a connection that is kept.
#[track_caller]
fn read(stream: &mut TcpStream) {
    assert_eq!(ask(stream, "/products/9007199254740991", "HTTP/1.1", "known"), "HTTP/1.1 404");
    assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
}

/// What strangers send: nothing, half a head, a request for a page that they do not read, a wrong token.
const STRANGE: [&str; 4] = [
    "",
    "GET /products HTTP/1.1\r\nHost:",
    "GET /docs HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /products HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\n\r\n",
];

#[test]
fn strangers_keep_nobody_out_who_has_a_token() {
    let (mut store, session) = start(&[("MAX_CONNECTIONS", "4")]);
    let process = store.service("products").id();
    let before = open_files(process);
    let mut known: Vec<TcpStream> = (0..4).map(|_| connect(&session)).collect();
    known.iter_mut().for_each(read);
    let mut strangers = Vec::new();
    for (_, bytes) in (0..80).zip(STRANGE.iter().cycle()) {
        let mut stream = connect(&session);
        let _ = stream.write_all(bytes.as_bytes());
        strangers.push(stream);
        assert!(open_files(process) <= before + 4 + 16, "more connections than the limit and its reserve");
    }
    known.iter_mut().for_each(read);
    probes_are_answered(&session);
    known.iter_mut().for_each(read);

    // One more who has a token takes the place of the one who was idle for longest.
    read(&mut connect(&session));
    let (heard, _) = rest(&mut known[0]);
    assert!(heard.is_empty());
    known[1..].iter_mut().for_each(read);
}

#[test]
fn who_finds_all_connections_busy_is_refused_and_takes_none_of_them() {
    let (_store, session) = start_with_list(&[("MAX_CONNECTIONS", "2")]);
    let mut readers: Vec<TcpStream> = (0..2).map(|_| stalled_list(&session, "HTTP/1.1", "reader")).collect();
    for _ in 0..30 {
        probes_are_answered(&session);
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
    let folder = store::new_folder();
    let (_store, session) =
        session::start(&limited(folder.path(), "256:16000"), &[("HEAD_TIMEOUT_MS", "60000")]);
    let silent: Vec<TcpStream> = (0..1500).map(|_| connect(&session)).collect();
    probes_are_answered(&session);
    for stream in &silent {
        stream.set_nonblocking(true).unwrap();
        assert_eq!(stream.peek(&mut [0]).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
    }
}

#[test]
fn limits_that_do_not_fit_the_descriptors_are_refused_at_the_start() {
    let folder = store::new_folder();
    let program = limited(folder.path(), "1000:1000");
    for (limit, is_refused) in [("4096", true), ("900", true), ("100", false)] {
        let mut child = Command::new(&program)
            .args(["products", "--stop-with-stdin"])
            .env("DATA_DIR", folder.path())
            .env("PRODUCTS_LISTEN", "127.0.0.1:0")
            .env("MAX_CONNECTIONS", limit)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().success(), !is_refused, "{limit}: {said}");
        assert_eq!(said.contains("set MAX_CONNECTIONS to "), is_refused, "{said}");
    }
}

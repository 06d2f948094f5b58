//! Slow, numerous and hostile callers time out, and keep no other caller from being served.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use contract_tests::{engine::session::Session, harness::store::Store};

use crate::{MANY, PROGRAM, alone, connect, shared};

/// How long the services of these tests wait for a head, for a body, and for a caller to read.
const TIMEOUT: Duration = Duration::from_millis(400);

/// Timeouts that no test reaches.
const LONG_TIMEOUTS: [(&str, &str); 4] = [
    ("HEADER_READ_TIMEOUT", "60s"),
    ("IDLE_TIMEOUT", "60s"),
    ("BODY_TIMEOUT", "60s"),
    ("WRITE_TIMEOUT", "60s"),
];

/// Within this time a caller times out: the timeout, a second for the last response, and a slow machine.
const SOON: Duration = Duration::from_secs(4);

/// A product that does not exist.
const UNKNOWN: &str = "/products/9007199254740991";

const HEAD: &str = "POST /products HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer SECRET_PRODUCTS_TOKEN\r\n\
                    Content-Type: application/json\r\n";

fn start(settings: &[(&str, &str)]) -> (Store, Session) {
    let mut all = vec![
        ("HEADER_READ_TIMEOUT", "400ms"),
        ("IDLE_TIMEOUT", "400ms"),
        ("BODY_TIMEOUT", "400ms"),
        ("WRITE_TIMEOUT", "400ms"),
    ];
    all.extend_from_slice(settings);
    let (store, session) = Store::start_with_session(PROGRAM, &all);
    // They close idle connections soon, perhaps at the very moment of the next request.
    (store, session.unpooled())
}

/// All that a service sends until it closes the connection, and how long that takes.
fn hear(stream: &mut TcpStream) -> (String, Duration) {
    let began = Instant::now();
    let mut heard = Vec::new();
    let outcome = stream.read_to_end(&mut heard);
    let took = began.elapsed();
    assert!(took < SOON, "still not given up after {took:?}");
    // A reset is an end too.
    drop(outcome);
    (String::from_utf8_lossy(&heard).into_owned(), took)
}

/// Sends a byte now and then until the connection ends.
fn drip(mut stream: TcpStream, byte: &'static [u8]) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        while stream.write_all(byte).is_ok() {
            thread::sleep(TIMEOUT / 8);
        }
    })
}

/// A well-behaved caller is served.
#[track_caller]
fn is_served(session: &Session) {
    session.expect(&session.request("products", "GET", UNKNOWN), 404, None).unwrap();
}

/// What the service sends to a caller that behaves like this until it times out. Before it does, another caller is served.
fn misbehave(begin: impl Fn(&mut TcpStream) -> Option<thread::JoinHandle<()>>) -> String {
    let (_store, waiting) = start(&LONG_TIMEOUTS);
    let (_store, session) = start(&[]);
    let mut endured = connect(&waiting);
    let mut stream = connect(&session);
    let dripping = [begin(&mut endured), begin(&mut stream)];
    is_served(&waiting);
    let (heard, _) = hear(&mut stream);
    drop((endured, stream));
    dripping.into_iter().flatten().for_each(|dripping| dripping.join().unwrap());
    heard
}

#[test]
fn a_silent_connection_times_out() {
    let _machine = shared();
    assert_eq!(misbehave(|_| None), "");
}

#[test]
fn half_a_header_times_out() {
    let _machine = shared();
    misbehave(|stream| {
        stream.write_all(&HEAD.as_bytes()[..60]).unwrap();
        None
    });
}

#[test]
fn a_slow_header_times_out() {
    let _machine = shared();
    misbehave(|stream| {
        stream.write_all(b"GET /products HTTP/1.1\r\nHost: x\r\nX-Drip: ").unwrap();
        Some(drip(stream.try_clone().unwrap(), b"x"))
    });
}

#[test]
fn half_a_body_times_out_with_408() {
    let _machine = shared();
    let heard = misbehave(|stream| {
        stream
            .write_all(format!("{HEAD}Content-Length: 100\r\nConnection: close\r\n\r\n{{").as_bytes())
            .unwrap();
        None
    });
    assert!(
        heard.starts_with("HTTP/1.1 408") && heard.ends_with(r#"{"error":"Request timeout"}"#),
        "{heard}"
    );
}

#[test]
fn a_slow_body_times_out_with_408() {
    let _machine = shared();
    let heard = misbehave(|stream| {
        stream.write_all(format!("{HEAD}Content-Length: 1000\r\n\r\n").as_bytes()).unwrap();
        Some(drip(stream.try_clone().unwrap(), b" "))
    });
    assert!(heard.starts_with("HTTP/1.1 408"), "{heard}");
}

#[test]
fn an_idle_connection_times_out() {
    let _machine = shared();
    let heard = misbehave(|stream| {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        None
    });
    assert!(heard.starts_with("HTTP/1.1 200") && heard.ends_with(r#"{"status":"live"}"#), "{heard}");
}

#[test]
fn a_header_that_is_too_large_is_refused_with_431() {
    let _machine = shared();
    let heard = misbehave(|stream| {
        let _ = stream.write_all(format!("{HEAD}X-Large: {}\r\n\r\n", "x".repeat(64 * 1024)).as_bytes());
        None
    });
    assert!(heard.starts_with("HTTP/1.1 431"), "{heard}");
}

#[test]
fn bytes_that_are_not_http_are_refused_with_400() {
    let _machine = shared();
    let heard = misbehave(|stream| {
        stream.write_all(b"HELO store\r\n\r\n").unwrap();
        None
    });
    assert!(heard.starts_with("HTTP/1.1 400"), "{heard}");
}

#[test]
fn endless_chunks_are_refused_with_413() {
    let _machine = shared();
    let heard = misbehave(|stream| {
        stream.write_all(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n").as_bytes()).unwrap();
        let mut endless = stream.try_clone().unwrap();
        let chunk = [b"4000\r\n".as_slice(), &[b' '; 0x4000], b"\r\n"].concat();
        Some(thread::spawn(move || while endless.write_all(&chunk).is_ok() {}))
    });
    assert!(heard.starts_with("HTTP/1.1 413"), "{heard}");
}

#[test]
fn a_response_before_the_body_closes_the_connection() {
    let _machine = shared();
    let (_store, session) = start(&[]);
    let cases = [
        (HEAD.replace("Bearer SECRET", "Bearer wrong"), 10, "401"),
        (HEAD.replace("application/json", "text/plain"), 10, "415"),
        (HEAD.replace("/products", "/nowhere"), 10, "404"),
        (HEAD.replace("POST", "DELETE"), 10, "405"),
        (HEAD.to_owned(), 65537, "413"),
        (HEAD.to_owned(), 10, "408"),
    ];
    for (head, length, status) in cases {
        let mut stream = connect(&session);
        stream.write_all(format!("{head}Content-Length: {length}\r\n\r\n").as_bytes()).unwrap();
        let (heard, _) = hear(&mut stream);
        assert!(heard.starts_with(&format!("HTTP/1.1 {status}")), "{heard}");
        assert!(heard.contains("\r\nconnection: close\r\n"), "{heard}");
    }
}

#[test]
fn a_refused_body_keeps_the_connection_open() {
    let _machine = shared();
    let (_store, session) = start(&[]);
    let mut stream = connect(&session);
    for _ in 0..2 {
        stream.write_all(format!("{HEAD}Content-Length: 2\r\n\r\n{{}}").as_bytes()).unwrap();
    }
    let (heard, _) = hear(&mut stream);
    assert_eq!(heard.matches("HTTP/1.1 400").count(), 2, "{heard}");
}

#[test]
fn a_last_response_reaches_a_caller_that_reads_late() {
    let _machine = shared();
    let (_store, session) = start(&[]);
    for token in ["SECRET_PRODUCTS_TOKEN", "wrong"] {
        let mut stream = connect(&session);
        let head = HEAD.replace("SECRET_PRODUCTS_TOKEN", token);
        stream.write_all(format!("{head}Content-Length: 4000000\r\n\r\n").as_bytes()).unwrap();
        stream.write_all(&vec![b' '; 4_000_000]).expect("the body is taken to its end");
        let (heard, _) = hear(&mut stream);
        assert!(heard.starts_with("HTTP/1.1 413") || heard.starts_with("HTTP/1.1 401"), "{heard}");
    }
}

#[test]
fn thousands_of_connections_wait_for_their_turn() {
    let _machine = alone();
    let (_store, session) = start(&[("MAX_CONNECTIONS", "1000")]);
    let silent: Vec<TcpStream> = (0..3000).map(|_| connect(&session)).collect();
    let began = Instant::now();
    session.expect(&session.request("products", "GET", UNKNOWN), 404, None).unwrap();
    // Each batch of silent connections is given up before the next is accepted.
    assert!(began.elapsed() < Duration::from_secs(18), "served after {:?}", began.elapsed());
    drop(silent);
    is_served(&session);
}

#[test]
fn without_file_descriptors_the_service_rests_and_recovers() {
    let _machine = alone();
    let (mut store, session) = start(&[("HEADER_READ_TIMEOUT", "60s")]);
    let process = store.service("products");
    let limit = Command::new("prlimit").args(["--nofile=40:40", "--pid", &process.id().to_string()]).status();
    assert!(limit.is_ok_and(|status| status.success()), "prlimit of util-linux is needed");
    let silent: Vec<TcpStream> = (0..100).map(|_| connect(&session)).collect();

    let before = process.cpu_time();
    thread::sleep(Duration::from_secs(1));
    let used = process.cpu_time() - before;
    assert!(used < Duration::from_millis(200), "{used:?} of a second spent on accepting nobody");
    store.service("products").wait_for_log("accept failed");

    drop(silent);
    session.expect(&session.request("products", "GET", UNKNOWN), 404, None).unwrap();
}

#[test]
fn a_caller_that_does_not_read_times_out_and_holds_no_memory() {
    let _machine = alone();
    let (mut store, session) = start(&[]);
    store.fill(MANY);
    // The first reader warms up what every reader shares.
    let length = session.send(&session.request("products", "GET", "/products")).unwrap().body.len();
    let process = store.service("products");
    let (before, files) = (process.resident(), process.open_files());
    let mut stalled: Vec<TcpStream> = (0..10).map(|_| connect(&session)).collect();
    for stream in &mut stalled {
        let request =
            "GET /products HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer SECRET_PRODUCTS_TOKEN\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
    }
    is_served(&session);
    let began = Instant::now();
    let mut most = 0;
    while process.open_files() > files {
        most = most.max(process.resident());
        assert!(began.elapsed() < Duration::from_secs(30), "the readers are still not given up");
    }
    let grown = most.saturating_sub(before);
    assert!(grown < 10 * 1024 * 1024, "ten readers take {grown} bytes");
    for mut stream in stalled {
        let (heard, _) = hear(&mut stream);
        assert!(heard.len() < length, "the connection was cut off before the end of the list");
    }
}

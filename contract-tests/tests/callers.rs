//! Slow, many and hostile callers are given up in time, and take the service from nobody:
//! `cargo test -p contract-tests --test callers`.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use contract_tests::{engine::session::Session, harness::store::Store};
use rusqlite::Connection;

/// How long the services of these tests wait for a head, for a body, and for a caller to read.
const TIMEOUT: Duration = Duration::from_millis(400);

/// Within which time a caller is given up: the patience, a second of being heard out, and a slow machine.
const SOON: Duration = Duration::from_secs(4);

/// A product that nobody has.
const UNKNOWN: &str = "/products/9007199254740991";

const HEAD: &str = "POST /products HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer SECRET_PRODUCTS_TOKEN\r\n\
                    Content-Type: application/json\r\n";

fn start(settings: &[(&str, &str)]) -> (Store, Session) {
    let mut all = vec![
        ("HEAD_TIMEOUT_MS", "400"),
        ("IDLE_TIMEOUT_MS", "400"),
        ("BODY_TIMEOUT_MS", "400"),
        ("WRITE_TIMEOUT_MS", "400"),
    ];
    all.extend_from_slice(settings);
    Store::start_with_session(env!("CARGO_BIN_EXE_store-under-test"), &all)
}

fn connect(session: &Session) -> TcpStream {
    let address = session.deployment.service("products").url.trim_start_matches("http://");
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

/// What a service says to a caller until it hangs up, and how long that takes.
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

/// Sends a byte now and then until nobody listens any more.
fn drip(mut stream: TcpStream, byte: &'static [u8]) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        while stream.write_all(byte).is_ok() {
            thread::sleep(TIMEOUT / 8);
        }
    })
}

/// A well-behaved caller is served at once.
fn is_served(session: &Session) {
    let began = Instant::now();
    session.expect(&session.request("products", "GET", UNKNOWN), 404, None).unwrap();
    assert!(began.elapsed() < TIMEOUT, "served after {:?}", began.elapsed());
}

/// How a caller who behaves like this is got rid of, while another is served.
fn misbehave(begin: impl FnOnce(&mut TcpStream) -> Option<thread::JoinHandle<()>>) -> String {
    let (_store, session) = start(&[]);
    let mut stream = connect(&session);
    let dripping = begin(&mut stream);
    is_served(&session);
    let (heard, _) = hear(&mut stream);
    drop(stream);
    dripping.into_iter().for_each(|dripping| dripping.join().unwrap());
    heard
}

#[test]
fn who_says_nothing_is_given_up() {
    assert_eq!(misbehave(|_| None), "");
}

#[test]
fn who_sends_half_a_head_is_given_up() {
    misbehave(|stream| {
        stream.write_all(&HEAD.as_bytes()[..60]).unwrap();
        None
    });
}

#[test]
fn who_drips_a_head_is_given_up() {
    misbehave(|stream| {
        stream.write_all(b"GET /products HTTP/1.1\r\nHost: x\r\nX-Drip: ").unwrap();
        Some(drip(stream.try_clone().unwrap(), b"x"))
    });
}

#[test]
fn who_sends_half_a_body_is_told_so() {
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
fn who_drips_a_body_is_told_so() {
    let heard = misbehave(|stream| {
        stream.write_all(format!("{HEAD}Content-Length: 1000\r\n\r\n").as_bytes()).unwrap();
        Some(drip(stream.try_clone().unwrap(), b" "))
    });
    assert!(heard.starts_with("HTTP/1.1 408"), "{heard}");
}

#[test]
fn who_stays_idle_is_given_up() {
    let heard = misbehave(|stream| {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        None
    });
    assert!(heard.starts_with("HTTP/1.1 200") && heard.ends_with(r#"{"status":"live"}"#), "{heard}");
}

#[test]
fn who_sends_a_head_that_is_too_large_is_told_so() {
    let heard = misbehave(|stream| {
        let _ = stream.write_all(format!("{HEAD}X-Large: {}\r\n\r\n", "x".repeat(64 * 1024)).as_bytes());
        None
    });
    assert!(heard.starts_with("HTTP/1.1 431"), "{heard}");
}

#[test]
fn who_sends_what_is_no_http_is_told_so() {
    let heard = misbehave(|stream| {
        stream.write_all(b"HELO store\r\n\r\n").unwrap();
        None
    });
    assert!(heard.starts_with("HTTP/1.1 400"), "{heard}");
}

#[test]
fn who_sends_chunks_without_end_is_told_so() {
    let heard = misbehave(|stream| {
        stream.write_all(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n").as_bytes()).unwrap();
        let mut endless = stream.try_clone().unwrap();
        let chunk = [b"4000\r\n".as_slice(), &[b' '; 0x4000], b"\r\n"].concat();
        Some(thread::spawn(move || while endless.write_all(&chunk).is_ok() {}))
    });
    assert!(heard.starts_with("HTTP/1.1 413"), "{heard}");
}

#[test]
fn who_is_answered_before_the_body_came_is_told_that_the_connection_ends() {
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
fn who_is_refused_because_of_a_body_that_came_can_go_on_with_the_connection() {
    let (_store, session) = start(&[]);
    let mut stream = connect(&session);
    for _ in 0..2 {
        stream.write_all(format!("{HEAD}Content-Length: 2\r\n\r\n{{}}").as_bytes()).unwrap();
    }
    let (heard, _) = hear(&mut stream);
    assert_eq!(heard.matches("HTTP/1.1 400").count(), 2, "{heard}");
}

#[test]
fn a_last_answer_reaches_who_sends_first_and_reads_later() {
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
    let (mut store, session) = start(&[("HEAD_TIMEOUT_MS", "60000")]);
    let process = store.service("products").id();
    let limit = Command::new("prlimit").args(["--nofile=40:40", "--pid", &process.to_string()]).status();
    assert!(limit.is_ok_and(|status| status.success()), "prlimit of util-linux is needed");
    let silent: Vec<TcpStream> = (0..100).map(|_| connect(&session)).collect();

    let before = cpu_time(process);
    thread::sleep(Duration::from_secs(1));
    let used = cpu_time(process) - before;
    assert!(used < Duration::from_millis(200), "{used:?} of a second spent on accepting nobody");
    store.service("products").wait_for_log("a connection could not be accepted");

    drop(silent);
    session.expect(&session.request("products", "GET", UNKNOWN), 404, None).unwrap();
}

/// What a process has used of the processors (proc_pid_stat(5)).
fn cpu_time(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

#[test]
fn who_does_not_read_a_long_list_is_given_up_and_takes_no_memory() {
    let (mut store, session) = start(&[]);
    fill(&store, 100_000);
    // The first reader warms up what every reader shares.
    let length = session.send(&session.request("products", "GET", "/products")).unwrap().body.len();
    let process = store.service("products").id();
    let (before, files) = (resident(process), open_files(process));
    let mut stalled: Vec<TcpStream> = (0..10).map(|_| connect(&session)).collect();
    for stream in &mut stalled {
        let request =
            "GET /products HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer SECRET_PRODUCTS_TOKEN\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
    }
    is_served(&session);
    let began = Instant::now();
    let mut most = 0;
    while open_files(process) > files {
        most = most.max(resident(process));
        assert!(began.elapsed() < Duration::from_secs(30), "the readers are still not given up");
    }
    let grown = most.saturating_sub(before);
    assert!(grown < 10 * 1024 * 1024, "ten readers take {grown} bytes");
    for mut stream in stalled {
        let (heard, _) = hear(&mut stream);
        assert!(heard.len() < length, "the connection was cut off before the end of the list");
    }
}

/// Puts products into the database as fast as can be.
fn fill(store: &Store, count: usize) {
    let connection = Connection::open(store.database("products")).unwrap();
    let insert = format!(
        "WITH RECURSIVE number(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < {count})
         INSERT INTO product (name, price, stock) SELECT printf('%.200c', 'x'), 1.5, i FROM number"
    );
    connection.execute_batch(&insert).unwrap();
}

/// How many files and connections a process has open.
fn open_files(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).unwrap().count()
}

/// What a process holds in memory (proc_pid_statm(5)).
fn resident(process: u32) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{process}/statm")).unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

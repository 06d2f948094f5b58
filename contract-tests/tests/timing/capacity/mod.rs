//! Memory, permits and descriptors are counted until they are released, and no caller exhausts them.

mod connections;
mod sending;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use contract_tests::{
    engine::session::Session,
    harness::{caller::SOON, metrics::Metrics, store::Store},
};
use socket2::{Domain, Socket, Type};

use crate::{MANY, PROGRAM, alone, connect};

fn start(settings: &[(&str, &str)]) -> (Store, Session) {
    let mut all = vec![("HEADER_READ_TIMEOUT", "60s"), ("WRITE_TIMEOUT", "60s")];
    all.extend_from_slice(settings);
    Store::start_with_session(PROGRAM, &all)
}

fn start_with_list(settings: &[(&str, &str)]) -> (Store, Session) {
    let (store, session) = start(settings);
    fill_and_wait(&store, &session, MANY);
    (store, session)
}

/// Fills the list of products, and waits until the service sees them.
fn fill_and_wait(store: &Store, session: &Session, count: usize) {
    store.fill(count);
    let last = session.request("products", "GET", format!("/products/{count}"));
    eventually(|| session.send(&last).unwrap().status == 200);
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
    Metrics::of(session, "products").unwrap().sum(name, &[])
}

fn in_flight(session: &Session) -> f64 {
    metric(session, "http_server_active_requests")
}

/// Probes on connections of their own.
#[track_caller]
fn probes_succeed(session: &Session) {
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

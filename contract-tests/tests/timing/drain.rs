//! Connections of a service that is told to stop: in-flight requests finish, idle connections close cleanly, and all of it ends
//! at one deadline even with stuck clients.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, ErrorKind, Read},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use contract_tests::{
    engine::{
        deployment::SERVICES,
        exchange::{Request, Response},
    },
    harness::{
        caller::Caller,
        folders::new_folder,
        process::signal,
        programs::ending_with_test,
        store::Store,
        waiting::{self, LIMIT},
    },
};

use crate::{MANY, PROGRAM, shared};

const IN_TIME: Duration = Duration::from_secs(5);

const PRODUCT: &str = r#"{"name":"Computer","price":200,"stock":20}"#;

/// Settings with which no timeout but that of the drain matters.
const LONG_TIMEOUTS: [(&str, &str); 2] = [("BODY_TIMEOUT", "60s"), ("HEADER_READ_TIMEOUT", "60s")];

/// The head of a request to products, as it is sent.
fn head(method: &str, path: &str, more: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: products\r\nAuthorization: Bearer SECRET_PRODUCTS_TOKEN\r\n{more}\r\n"
    )
}

fn create() -> String {
    head(
        "POST",
        "/products",
        &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", PRODUCT.len()),
    )
}

/// The next response has this status, and says or does not say that the connection closes.
#[track_caller]
fn expect(caller: &mut Caller, status: u16, closes: bool) {
    let response = caller.response().expect("a response");
    assert_eq!((response.status, says_close(&response)), (status, closes));
}

fn says_close(response: &Response) -> bool {
    response.header("connection") == Some("close")
}

/// Nothing more comes, and the connection ends cleanly.
#[track_caller]
fn expect_end(caller: &mut Caller) {
    let mut rest = Vec::new();
    caller.stream.read_to_end(&mut rest).expect("a clean end");
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
}

/// Tells products to stop, and waits until it accepts no more connections.
fn stop_accepting(store: &mut Store) {
    let products = store.service("products");
    products.signal("TERM");
    let began = Instant::now();
    while TcpStream::connect(products.url().trim_start_matches("http://")).is_ok() {
        assert!(began.elapsed() < IN_TIME, "it goes on accepting");
        thread::sleep(Duration::from_millis(5));
    }
}

#[track_caller]
fn is_gone_in_time(store: &mut Store, began: Instant) {
    assert!(store.service("products").wait().success());
    assert!(began.elapsed() < IN_TIME, "{:?}", began.elapsed());
}

#[test]
fn a_request_whose_header_is_arriving_is_served() {
    let _machine = shared();
    let (mut store, session) = Store::start_with_session(PROGRAM, &LONG_TIMEOUTS);
    let request = head("GET", "/products", "");
    let (first, rest) = request.split_at(20);
    let (mut fresh, mut kept) =
        (Caller::connect(&session, "products"), Caller::connect(&session, "products"));
    kept.send(&request);
    expect(&mut kept, 200, false);
    for caller in [&mut fresh, &mut kept] {
        caller.send(first);
    }
    let began = Instant::now();
    stop_accepting(&mut store);
    thread::sleep(Duration::from_millis(500));
    for caller in [&mut fresh, &mut kept] {
        caller.send(rest);
        expect(caller, 200, true);
        expect_end(caller);
    }
    is_gone_in_time(&mut store, began);
}

#[test]
fn a_body_that_arrives_within_the_drain_timeout_is_accepted() {
    let _machine = shared();
    let (mut store, session) = Store::start_with_session(PROGRAM, &LONG_TIMEOUTS);
    let mut caller = Caller::connect(&session, "products");
    caller.send(&(create() + &PRODUCT[..10]));
    let began = Instant::now();
    stop_accepting(&mut store);
    thread::sleep(Duration::from_millis(500));
    caller.send(&PRODUCT[10..]);
    expect(&mut caller, 201, true);
    expect_end(&mut caller);
    is_gone_in_time(&mut store, began);
}

#[test]
fn a_request_that_does_not_arrive_within_the_drain_timeout_gets_503() {
    let _machine = shared();
    let (mut store, session) = Store::start_with_session(PROGRAM, &LONG_TIMEOUTS);
    let mut callers: Vec<Caller> = (0..2).map(|_| Caller::connect(&session, "products")).collect();
    callers[0].send(&(create() + &PRODUCT[..10]));
    callers[1].send(&create()[..20]);
    let began = Instant::now();
    store.service("products").signal("TERM");
    for caller in &mut callers {
        expect(caller, 503, true);
        expect_end(caller);
    }
    is_gone_in_time(&mut store, began);
}

/// A caller that has read the beginning of a list that no buffer holds.
fn begin_list(request: &str, settings: &[(&str, &str)]) -> (Store, Caller, [u8; 4096]) {
    let (store, session) = Store::start_with_session(PROGRAM, &[&LONG_TIMEOUTS, settings].concat());
    let mut caller = Caller::connect(&session, "products");
    caller.send(&(create() + PRODUCT));
    expect(&mut caller, 201, false);
    store.fill(MANY);
    caller.send(request);
    let mut begun = [0; 4096];
    caller.stream.read_exact(&mut begun).unwrap();
    (store, caller, begun)
}

#[test]
fn an_unread_list_ends_with_a_reset() {
    let _machine = shared();
    // The end of the connection is the end of the list.
    let request = head("GET", "/products", "").replace("HTTP/1.1", "HTTP/1.0");
    let (mut store, mut caller, _) = begin_list(&request, &[]);
    let began = Instant::now();
    store.service("products").signal("TERM");
    is_gone_in_time(&mut store, began);
    let end = caller.stream.read_to_end(&mut Vec::new());
    assert_eq!(end.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
}

#[test]
fn a_list_that_is_read_is_sent_to_its_end() {
    let _machine = shared();
    // However busy the machine is, this is longer than the list takes, and much longer than the rest of the stop does.
    let timeout = ("DRAIN_TIMEOUT", "60s");
    let (mut store, mut caller, begun) = begin_list(&head("GET", "/products", ""), &[timeout]);
    stop_accepting(&mut store);
    thread::sleep(Duration::from_millis(500));
    let mut rest = Vec::new();
    caller.stream.read_to_end(&mut rest).unwrap();
    let sent = Instant::now();
    let text = String::from_utf8_lossy(&[&begun[..], &rest].concat()).into_owned();
    assert!(text.ends_with("]\r\n0\r\n\r\n"), "it was cut: {}", &text[text.len() - 100..]);
    // An item may be cut in two by the chunks.
    let items = text.matches("\"stock\"").count();
    assert!(items > MANY - 1000, "{items} of {MANY}");
    is_gone_in_time(&mut store, sent);
}

#[test]
fn an_idle_connection_is_closed_cleanly() {
    let _machine = shared();
    let (mut store, session) = Store::start_with_session(PROGRAM, &LONG_TIMEOUTS);
    let (mut fresh, mut kept) =
        (Caller::connect(&session, "products"), Caller::connect(&session, "products"));
    kept.send(head("GET", "/products", ""));
    expect(&mut kept, 200, false);
    let began = Instant::now();
    store.service("products").signal("TERM");
    for caller in [&mut fresh, &mut kept] {
        expect_end(caller);
    }
    drop((fresh, kept));
    assert!(store.service("products").wait().success());
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[test]
fn a_request_during_the_stop_delay_is_the_last_of_its_connection() {
    let _machine = shared();
    let (mut store, session) = Store::start_with_session(PROGRAM, &[("STOP_DELAY", "2s")]);
    let mut kept = Caller::connect(&session, "products");
    kept.send(head("GET", "/products", ""));
    expect(&mut kept, 200, false);
    store.service("products").signal("TERM");
    let ready = Request::new("products", "GET", "/readyz");
    waiting::until("readyz to fail", || session.send(&ready).unwrap().status != 200).unwrap();
    for mut caller in [kept, Caller::connect(&session, "products")] {
        caller.send(&(create() + PRODUCT));
        expect(&mut caller, 201, true);
        expect_end(&mut caller);
    }
    assert!(store.service("products").wait().success());
}

/// The requests that were sent and got no response.
#[derive(Debug, Default)]
struct Broken {
    /// By the id of the request.
    kept: Vec<String>,
    fresh: Vec<String>,
}

/// Asks one request after the other, on a kept connection while the service keeps it, until no connection is accepted.
fn ask_until_it_stops(url: &str, name: &str, broken: &mut Broken) {
    let (mut number, began) = (0, Instant::now());
    while let Ok(mut caller) = Caller::at(url) {
        for on_this in 0.. {
            assert!(began.elapsed() < LIMIT, "it goes on accepting after {LIMIT:?}");
            number += 1;
            let id = format!("{name}-{number}-");
            let request = head("GET", "/products", &format!("X-Request-Id: {id}\r\n"));
            caller.send(&request);
            match caller.response() {
                Some(response) if says_close(&response) => break,
                Some(response) => assert_eq!(response.status, 200),
                None => {
                    if on_this == 0 { &mut broken.fresh } else { &mut broken.kept }.push(id);
                    break;
                }
            }
        }
    }
}

#[test]
fn a_stop_loses_no_request_that_was_read() {
    let _machine = shared();
    let (mut all, mut lost) = (HashMap::new(), Vec::new());
    for round in 0..8 {
        let (mut store, session) = Store::start_with_session(PROGRAM, &[]);
        let url = &session.deployment.service("products").url;
        let broken: Vec<Broken> = thread::scope(|scope| {
            let callers: Vec<_> = (0..12)
                .map(|caller| {
                    scope.spawn(move || {
                        let mut broken = Broken::default();
                        ask_until_it_stops(url, &format!("{round}-{caller}"), &mut broken);
                        broken
                    })
                })
                .collect();
            thread::sleep(Duration::from_millis(100));
            store.service("products").signal("TERM");
            callers.into_iter().map(|caller| caller.join().unwrap()).collect()
        });
        assert!(store.service("products").wait().success());
        let log = store.service("products").log();
        for broken in broken {
            for (kind, ids) in [("kept", broken.kept), ("fresh", broken.fresh)] {
                *all.entry(kind).or_insert(0) += ids.len();
                lost.extend(ids.into_iter().filter(|id| log.contains(&format!("request_id={id}"))));
            }
        }
    }
    println!("not answered, of 96 callers: {all:?}, of which were read: {lost:?}");
    assert!(lost.is_empty(), "read, but not answered: {lost:?}");
    assert!(
        all.values().all(|broken| *broken == 0),
        "connections that ended between request and response: {all:?}"
    );
}

/// A service whose log is not read.
fn start_unread(service: &str, settings: &[(&str, &str)], folder: &Path) -> (Child, String) {
    let mut child = ending_with_test(Path::new(PROGRAM))
        .arg(service)
        .env("DATA_DIR", folder)
        .env(format!("{}_LISTEN", service.to_uppercase()), "127.0.0.1:0")
        .envs(settings.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let read = move || {
        let mut line = String::new();
        output.read_line(&mut line).map(|_| line)
    };
    let line = waiting::within("a service to say where it is", read).unwrap().unwrap();
    let url = line.trim_end().rsplit(' ').next().unwrap().to_owned();
    (child, url)
}

#[test]
fn all_phases_of_a_stop_share_one_deadline() {
    let _machine = shared();
    // It takes connections, and that is all.
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    for &service in SERVICES.iter() {
        let folder = new_folder();
        let settings =
            [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), LONG_TIMEOUTS[0], LONG_TIMEOUTS[1]];
        let (mut child, url) = start_unread(service, &settings, folder.path());
        // More than a pipe holds.
        let mut caller = Caller::at(&url).unwrap();
        for _ in 0..1000 {
            caller.send("GET /livez HTTP/1.1\r\nHost: store\r\n\r\n");
            assert_eq!(caller.response().unwrap().status, 200);
        }
        let mut stuck = Caller::at(&url).unwrap();
        let token = format!("SECRET_{}_TOKEN", service.to_uppercase());
        let half = format!(
            "POST /{service} HTTP/1.1\r\nHost: store\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
        );
        stuck.send(&half);
        let began = Instant::now();
        signal("TERM", child.id());
        let mut status = None;
        let has_ended = || {
            status = child.try_wait().unwrap();
            status.is_some()
        };
        waiting::until(&format!("the end of {service}"), has_ended).unwrap();
        let (took, status) = (began.elapsed(), status.unwrap());
        println!("{service} took {took:?}");
        assert!(status.success(), "{service}: {status}");
        assert!(took < IN_TIME, "{service} took {took:?}");
    }
}

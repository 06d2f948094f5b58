//! A service that is told to stop finishes its in-flight requests, accepts no new ones, and exits within five seconds even with
//! stuck clients.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use contract_tests::{
    engine::{
        deployment::SERVICES,
        exchange::{Delivery, Request},
    },
    harness::{
        caller::Caller,
        folders::new_folder,
        metrics::Metrics,
        store::Store,
        upstream::{FakeUpstream, FaultMode},
        waiting,
    },
};
use rusqlite::Connection;
use serde_json::json;

use crate::{PROGRAM, shared};

const IN_TIME: Duration = Duration::from_secs(5);

#[test]
fn in_flight_requests_finish_before_the_service_stops() {
    let _machine = shared();
    for name in ["TERM", "INT", "QUIT"] {
        let product = r#"{"id":1,"name":"Computer","price":200,"stock":20}"#;
        let upstream = FakeUpstream::start(product, FaultMode::TakesASecond);
        let (mut store, session) = Store::start_with_session(PROGRAM, &[("PRODUCTS_URL", &upstream.url())]);
        let order =
            session.request("orders", "POST", "/orders").json(&json!({ "product_id": 1, "quantity": 1 }));
        let began = thread::scope(|scope| {
            let orders: Vec<_> = (0..8).map(|_| scope.spawn(|| session.expect(&order, 201, None))).collect();
            let waiting_orders =
                || Metrics::of(&session, "orders").unwrap().sum("http_client_active_requests", &[]);
            let waited = waiting::until("8 orders in flight", || waiting_orders() == 8.0);
            let began = Instant::now();
            store.service("orders").signal(name);
            for order in orders {
                order.join().unwrap().unwrap();
            }
            waited.unwrap();
            began
        });
        assert!(store.service("orders").wait().success());
        assert!(began.elapsed() < IN_TIME, "{:?}", began.elapsed());
        store.service("orders").wait_for_log(&format!("stopping signal=SIG{name}"));
    }
}

/// The signals that a service ignores: all but those that stop it, HUP, and KILL and STOP, which cannot be handled.
const IGNORED: [&str; 11] =
    ["USR1", "USR2", "ALRM", "VTALRM", "PROF", "IO", "PWR", "STKFLT", "XCPU", "RTMIN", "RTMIN+3"];

#[test]
fn no_other_signal_ends_a_service_with_a_request_in_flight() {
    let _machine = shared();
    let product = r#"{"id":1,"name":"Computer","price":200,"stock":20}"#;
    let upstream = FakeUpstream::start(product, FaultMode::TakesASecond);
    let (mut store, session) = Store::start_with_session(PROGRAM, &[("PRODUCTS_URL", &upstream.url())]);
    let order = session.request("orders", "POST", "/orders").json(&json!({ "product_id": 1, "quantity": 1 }));
    thread::scope(|scope| {
        let order = scope.spawn(|| session.expect(&order, 201, None));
        waiting::until("an order in flight", || upstream.conversations() >= 1).unwrap();
        for name in IGNORED.into_iter().chain(["HUP"]) {
            store.service("orders").signal(name);
        }
        order.join().unwrap().unwrap();
    });
    for name in IGNORED {
        store.service("orders").wait_for_log(&format!("ignored a signal signal=SIG{name}"));
    }
    store.service("orders").wait_for_log("no token file is set, so there is none to reread");
    store.service("orders").signal("TERM");
    assert!(store.service("orders").wait().success());
}

#[test]
fn a_token_file_that_does_not_respond_delays_neither_requests_nor_the_stop() {
    let _machine = shared();
    let folder = new_folder();
    let file = folder.path().join("token");
    fs::write(&file, "SECRET_PRODUCTS_TOKEN").unwrap();
    let (mut store, session) =
        Store::start_with_session(PROGRAM, &[("PRODUCTS_TOKEN_FILE", file.to_str().unwrap())]);
    // Opening a pipe that nobody writes to blocks.
    fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    for _ in 0..20 {
        store.service("products").signal("HUP");
    }
    session.expect(&session.request("products", "GET", "/products"), 200, None).unwrap();
    let began = Instant::now();
    store.service("products").signal("TERM");
    assert!(store.service("products").wait().success());
    assert!(began.elapsed() < IN_TIME, "{:?}", began.elapsed());
}

#[test]
fn a_full_disk_is_noticed_without_a_write() {
    let _machine = shared();
    let (mut store, session) = Store::start_with_session(PROGRAM, &[]);
    let ready = Request::new("products", "GET", "/readyz");
    let is = |status| session.send(&ready).is_ok_and(|response| response.status == status);
    assert!(is(200));
    // Not even the first frame of the write-ahead log can be written.
    store.service("products").limit_file_size("1");
    waiting::until("readyz to fail", || is(503)).unwrap();
    store.service("products").limit_file_size("unlimited");
    waiting::until("it to be ready again", || is(200)).unwrap();
}

#[test]
fn a_service_stops_in_time_with_stuck_callers() {
    let _machine = shared();
    let (mut store, session) =
        Store::start_with_session(PROGRAM, &[("BODY_TIMEOUT", "60s"), ("HEADER_READ_TIMEOUT", "60s")]);
    let mut stuck = Vec::new();
    for &service in SERVICES.iter() {
        stuck.push(
            TcpStream::connect(session.deployment.service(service).url.trim_start_matches("http://"))
                .unwrap(),
        );
    }
    let endless = session.request("products", "POST", "/products").json(&json!({ "name": "Computer" }));
    let _endless = session.occupy(&Request { delivery: Delivery::Half, ..endless });
    for &service in SERVICES.iter() {
        let began = Instant::now();
        store.service(service).signal("TERM");
        assert!(store.service(service).wait().success(), "{service}");
        assert!(began.elapsed() < IN_TIME, "{service} took {:?}", began.elapsed());
    }
}

#[test]
fn a_service_with_open_intents_stops_in_time() {
    let _machine = shared();
    // Its connections are made, and nothing is ever read or said.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let settings = [("ORDERS_STOCK", "reserve"), ("PRODUCTS_URL", &url)];
    let (mut store, session) = Store::start_with_session(PROGRAM, &settings);
    let order = session.request("orders", "POST", "/orders").json(&json!({ "product_id": 1, "quantity": 1 }));
    for _ in 0..5 {
        let impatient = order.clone().header("X-Request-Timeout-Ms", "200");
        session.expect(&impatient, 503, None).unwrap();
    }
    let intents = |store: &Store| -> i64 {
        let orders = Connection::open(store.database("orders")).unwrap();
        orders.query_row("SELECT count(*) FROM intent", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(intents(&store), 5);
    let in_flight = session.begin(&order);
    waiting::until("an order in flight", || intents(&store) == 6).unwrap();
    let began = Instant::now();
    store.service("orders").signal("TERM");
    assert!(store.service("orders").wait().success());
    assert!(began.elapsed() < IN_TIME, "{:?}", began.elapsed());
    drop(in_flight);
    assert_eq!(intents(&store), 6, "nothing is forgotten");
}

#[test]
fn readyz_fails_before_the_service_stops_accepting() {
    let _machine = shared();
    let (mut store, session) = Store::start_with_session(PROGRAM, &[("STOP_DELAY", "2s")]);
    let ready = Request::new("products", "GET", "/readyz");
    session.expect(&ready, 200, None).unwrap();
    store.service("products").signal("TERM");
    let began = Instant::now();
    while session.send(&ready).unwrap().status == 200 {
        assert!(began.elapsed() < IN_TIME);
    }
    session.expect(&ready, 503, Some("Service unavailable")).unwrap();
    session.expect(&Request::new("products", "GET", "/livez"), 200, None).unwrap();
    session.expect(&session.request("products", "GET", "/products"), 200, None).unwrap();
    assert!(store.service("products").wait().success());
}

#[test]
fn a_stop_under_load_loses_no_acknowledged_write() {
    let _machine = shared();
    for name in ["TERM", "INT"] {
        let (mut store, session) = Store::start_with_session(PROGRAM, &[]);
        let create = session
            .request("products", "POST", "/products")
            .json(&json!({ "name": "Computer", "price": 200, "stock": 20 }));
        let stopped = AtomicBool::new(false);
        let mut acknowledged: Vec<u64> = thread::scope(|scope| {
            let callers: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let mut ids = Vec::new();
                        while let Ok(response) = session.send(&create) {
                            match response.status {
                                201 => ids.push(response.id()),
                                status => panic!("{status} while stopping"),
                            }
                            if ids.len() == 50 {
                                stopped.store(true, Ordering::Relaxed);
                            }
                        }
                        ids
                    })
                })
                .collect();
            let waited = waiting::until("50 products of one caller", || stopped.load(Ordering::Relaxed));
            store.service("products").signal(name);
            let acknowledged = callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
            waited.unwrap();
            acknowledged
        });
        assert!(store.service("products").wait().success());
        store.service("products").start_again();
        let list = session.send(&session.request("products", "GET", "/products")).unwrap().json();
        let listed: Vec<u64> =
            list.as_array().unwrap().iter().filter_map(|product| product["id"].as_u64()).collect();
        acknowledged.sort_unstable();
        assert!(acknowledged.iter().all(|id| listed.binary_search(id).is_ok()), "after SIG{name}");
    }
}

#[test]
fn a_copy_of_the_file_of_a_stopped_service_has_everything() {
    let _machine = shared();
    let (mut store, session) = Store::start_with_session(PROGRAM, &[]);
    let product = json!({ "name": "Computer", "price": 200, "stock": 20 });
    session.expect(&session.request("products", "POST", "/products").json(&product), 201, None).unwrap();
    session.expect(&session.request("products", "GET", "/products/1"), 200, None).unwrap();
    store.service("products").signal("TERM");
    assert!(store.service("products").wait().success());

    let folder = new_folder();
    let copy = folder.path().join("copy.db");
    fs::copy(store.database("products"), &copy).unwrap();
    let name: String =
        Connection::open(&copy).unwrap().query_row("SELECT name FROM product", [], |row| row.get(0)).unwrap();
    assert_eq!(name, "Computer");
}

#[test]
fn pages_of_other_origins_can_read_the_errors_of_a_stopping_service() {
    let _machine = shared();
    let origin = "http://shop.example";
    let settings =
        [("CORS_ORIGINS", origin), ("BODY_TIMEOUT", "60s"), ("STOP_DELAY", "2s"), ("DRAIN_TIMEOUT", "0s")];
    let (mut store, session) = Store::start_with_session(PROGRAM, &settings);
    for &service in SERVICES.iter() {
        let fields = format!("Host: {service}\r\nOrigin: {origin}\r\n");
        let token = &session.deployment.service(service).token;
        let [mut body, mut head, mut probe] = [(); 3].map(|()| Caller::connect(&session, service));
        body.send(format!(
            "POST /{service} HTTP/1.1\r\n{fields}Authorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{{"
        ));
        head.send(format!("GET /{service} HTTP/1.1\r\n{fields}"));
        let process = store.service(service);
        process.signal("TERM");
        process.wait_for_log("stopping");
        probe.send(format!("GET /readyz HTTP/1.1\r\n{fields}\r\n"));
        for (caller, what) in [(&mut probe, "probe"), (&mut body, "body"), (&mut head, "head")] {
            let response =
                caller.response().unwrap_or_else(|| panic!("{service}: no response to the {what}"));
            assert_eq!(response.status, 503, "{service} {what}: {response}");
            assert_eq!(
                response.header("Access-Control-Allow-Origin"),
                Some(origin),
                "{service} {what}: {response}"
            );
        }
    }
}

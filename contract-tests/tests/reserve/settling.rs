//! How orders that fail halfway are settled.

use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use contract_tests::{
    engine::exchange::{Request, Response},
    harness::{metrics::Metrics, store::Store, waiting},
};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    RESERVING, UNAVAILABLE, check_books, create_product, intents, network, order, orders, reserved, start,
    stock, wait_until_settled,
};

const SETTLED: &str = "intents_settled_total";

#[test]
fn an_order_takes_its_stock_and_a_refused_one_takes_none() {
    let (store, session) = start(&RESERVING);
    let product = create_product(&session, 20);
    let created = session.expect(&order(&session, product, 3), 201, None).unwrap();
    assert_eq!(created.json()["status"], "PENDING");
    assert_eq!(stock(&session, product), 17);
    session.expect(&order(&session, product, 18), 400, Some("Not enough stock")).unwrap();
    session.expect(&order(&session, 9_007_199_254_740_991, 1), 400, Some(UNAVAILABLE)).unwrap();
    let next = session.expect(&order(&session, product, 17), 201, None).unwrap();
    assert!(next.id() > created.id());
    // Nothing is left to be done in the background.
    assert_eq!(intents(&store), 0);
    check_books(&store, &session, &[(product, 20)]);
    let metrics = Metrics::of(&session, "orders").unwrap();
    assert_eq!(metrics.sum(SETTLED, &[]), 0.0, "{metrics:#?}");
}

#[test]
fn an_order_without_a_response_is_refused_and_its_stock_is_released() {
    let (store, session, proxy) = network::start();
    let product = create_product(&session, 20);
    // Reservations are made and not answered, and no release gets through.
    proxy.tamper(Some(Arc::new(|request, forward| {
        if request.method == "PUT" {
            forward(&request);
        }
        Response { status: 502, ..Response::default() }
    })));
    session.expect(&order(&session, product, 3), 400, Some(UNAVAILABLE)).unwrap();
    let is_counted = || Metrics::of(&session, "orders").unwrap().sum("intents_open", &[]) == 1.0;
    waiting::until("an open intent in the metrics", is_counted).unwrap();
    assert_eq!((orders(&store), intents(&store), stock(&session, product)), (0, 1, 17));
    store.services[1].wait_for_log("intents are not settled yet; trying again");
    proxy.tamper(None);
    wait_until_settled(&store);
    check_books(&store, &session, &[(product, 20)]);
    let is_counted = || {
        let metrics = Metrics::of(&session, "orders").unwrap();
        metrics.sum("intents_open", &[]) == 0.0 && metrics.sum(SETTLED, &["outcome=\"given_back\""]) == 1.0
    };
    waiting::until("a settled intent in the metrics", is_counted).unwrap();
}

#[test]
fn a_reservation_that_never_arrived_is_settled_as_nothing_taken() {
    let (store, session, proxy) = network::start();
    let product = create_product(&session, 20);
    proxy.tamper(Some(Arc::new(|_, _| Response { status: 502, ..Response::default() })));
    session.expect(&order(&session, product, 3), 400, Some(UNAVAILABLE)).unwrap();
    proxy.tamper(None);
    wait_until_settled(&store);
    let is_counted = || {
        let metrics = Metrics::of(&session, "orders").unwrap();
        (metrics.sum(SETTLED, &["outcome=\"nothing_taken\""]), metrics.sum(SETTLED, &[])) == (1.0, 1.0)
    };
    waiting::until("a settled intent in the metrics", is_counted).unwrap();
    check_books(&store, &session, &[(product, 20)]);
}

#[test]
fn a_release_that_leaves_the_reservation_held_is_repeated_and_holds_up_no_other() {
    let (store, session, proxy) = network::start();
    let [stuck, other] = [create_product(&session, 20), create_product(&session, 20)];
    // Reservations are made and not answered, and the releases of one product do nothing.
    proxy.tamper(Some(Arc::new(move |request, forward| match request.method.as_str() {
        "DELETE" if request.path.starts_with(&format!("/products/{stuck}/")) => {
            forward(&Request { method: "GET".into(), ..request.clone() })
        }
        "DELETE" => forward(&request),
        _ => {
            forward(&request);
            Response { status: 502, ..Response::default() }
        }
    })));
    for product in [stuck, other] {
        session.expect(&order(&session, product, 3), 400, Some(UNAVAILABLE)).unwrap();
    }
    store.services[1].wait_for_log("the response says that it is held");
    waiting::until("the other intent to be settled", || intents(&store) == 1).unwrap();
    assert_eq!((stock(&session, stuck), stock(&session, other)), (17, 20));
    proxy.tamper(None);
    wait_until_settled(&store);
    check_books(&store, &session, &[(stuck, 20), (other, 20)]);
}

#[test]
fn an_order_in_flight_is_left_alone_while_another_is_settled() {
    let (store, session, proxy) = network::start();
    let product = create_product(&session, 20);
    let (arrived, has_arrived) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    // The first reservation waits, and the second one is lost.
    let first = Mutex::new(Some(may_go_on));
    proxy.tamper(Some(Arc::new(move |request, forward| {
        if request.method == "PUT" {
            let Some(may_go_on) = first.lock().unwrap().take() else {
                return Response { status: 502, ..Response::default() };
            };
            let _ = arrived.send(());
            let _ = may_go_on.recv();
        }
        forward(&request)
    })));
    thread::scope(|scope| {
        let waits = scope.spawn(|| session.expect(&order(&session, product, 3), 201, None));
        has_arrived.recv_timeout(Duration::from_secs(60)).unwrap();
        session.expect(&order(&session, product, 2), 400, Some(UNAVAILABLE)).unwrap();
        let is_counted = || {
            let metrics = Metrics::of(&session, "orders").unwrap();
            (metrics.sum(SETTLED, &[]), metrics.sum("intents_open", &[])) == (1.0, 0.0)
        };
        waiting::until("only the lost one to be settled", is_counted).unwrap();
        assert_eq!(intents(&store), 1);
        drop(go_on);
        waits.join().unwrap().unwrap();
    });
    wait_until_settled(&store);
    check_books(&store, &session, &[(product, 20)]);
}

#[test]
fn a_reservation_other_than_the_one_asked_for_makes_no_order() {
    let (store, session, proxy) = network::start();
    let product = create_product(&session, 20);
    let others: [(&str, Value); 4] = [
        ("product_id", json!(product + 1)),
        ("key", json!("another")),
        ("quantity", json!(2)),
        ("status", json!("RELEASED")),
    ];
    for (field, value) in others {
        proxy.tamper(Some(Arc::new(move |request, forward| {
            let mut response = forward(&request);
            if request.method == "PUT" {
                let mut reservation = response.json();
                reservation[field] = value.clone();
                response.body = reservation.to_string().into();
            }
            response
        })));
        session.expect(&order(&session, product, 3), 400, Some(UNAVAILABLE)).unwrap();
    }
    wait_until_settled(&store);
    check_books(&store, &session, &[(product, 20)]);
}

#[test]
fn an_order_whose_service_dies_after_the_reservation_is_settled_by_the_next_start() {
    let (mut store, session, proxy) = network::start();
    let product = create_product(&session, 20);
    let (made, is_made) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    proxy.tamper(Some(Arc::new(move |request, forward| {
        let response = forward(&request);
        if request.method == "PUT" {
            let _ = made.send(());
            let _ = may_go_on.lock().unwrap().recv();
        }
        response
    })));
    let request = order(&session, product, 3).header("Idempotency-Key", "once");
    thread::scope(|scope| {
        let caller = scope.spawn(|| session.send(&request));
        is_made.recv_timeout(Duration::from_secs(60)).unwrap();
        store.service("orders").kill();
        assert!(caller.join().unwrap().is_err(), "it was answered");
    });
    assert_eq!((orders(&store), intents(&store), reserved(&store).len()), (0, 1, 1));
    assert!(has_log(&store), "there is nothing to recover");
    let log = store.service("orders").log();
    assert!(!log.contains("that the last run left open"), "the first run has no last one: {log}");
    drop(go_on);
    proxy.tamper(None);
    store.service("orders").start_again();
    wait_until_settled(&store);
    assert_eq!((reserved(&store).len(), stock(&session, product)), (0, 20));
    store.service("orders").wait_for_log("settling the intents that the last run left open");
    store.service("orders").wait_for_log("settled the intents that the last run left open");
    // The caller asks again, and gets the one order.
    let created = session.expect(&request, 201, None).unwrap();
    assert_eq!(session.expect(&request, 201, None).unwrap().body, created.body);
    check_books(&store, &session, &[(product, 20)]);
}

/// Whether the log of orders is as its last process has left it.
fn has_log(store: &Store) -> bool {
    let log = store.database("orders").with_extension("db-wal");
    fs::metadata(log).is_ok_and(|log| log.len() > 0)
}

#[test]
fn an_intent_cannot_be_read_and_its_id_is_that_of_a_later_order() {
    let (store, session, proxy) = network::start();
    let product = create_product(&session, 20);
    let first = session.expect(&order(&session, product, 1), 201, None).unwrap().id();
    let is_looking = Arc::new(AtomicBool::new(false));
    let (looks, deployment) = (is_looking.clone(), session.deployment.clone());
    proxy.tamper(Some(Arc::new(move |request, forward| {
        let response = forward(&request);
        if request.method == "PUT" {
            let session = contract_tests::engine::session::Session::new(deployment.clone());
            let read = session.request("orders", "GET", format!("/orders/{}", first + 1));
            session.expect(&read, 404, Some("Order not found")).unwrap();
            looks.store(true, Ordering::Relaxed);
        }
        response
    })));
    let second = session.expect(&order(&session, product, 1), 201, None).unwrap().id();
    proxy.tamper(None);
    assert!(is_looking.load(Ordering::Relaxed) && second > first);
    session.expect(&session.request("orders", "GET", format!("/orders/{second}")), 200, None).unwrap();
    check_books(&store, &session, &[(product, 20)]);
}

#[test]
fn an_order_that_waits_for_its_reservation_when_the_service_stops_is_refused() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let settings = [&RESERVING[..], &[("PRODUCTS_URL", &url), ("DRAIN_TIMEOUT", "300ms")]].concat();
    let (mut store, session) = start(&settings);
    thread::scope(|scope| {
        let caller = scope.spawn(|| session.expect(&order(&session, 1, 1), 503, Some("Service unavailable")));
        waiting::until("an order in flight", || intents(&store) == 1).unwrap();
        store.service("orders").signal("TERM");
        caller.join().unwrap().unwrap();
    });
    assert!(store.service("orders").wait().success());
    assert_eq!((orders(&store), intents(&store)), (0, 1), "the next start settles it");
}

#[test]
fn no_order_is_begun_while_too_many_intents_wait() {
    const MANY: i64 = 1000;
    let (mut store, session, proxy) = network::start();
    let product = create_product(&session, 20);
    let released: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let paths = released.clone();
    proxy.tamper(Some(Arc::new(move |request, _| {
        paths.lock().unwrap().insert(request.path);
        Response {
            status: 503,
            headers: vec![("Content-Type".into(), "application/json".into())],
            body: br#"{"error":"Service unavailable"}"#.into(),
        }
    })));
    store.service("orders").stop();
    let insert = format!(
        "WITH RECURSIVE number(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < {MANY})
         INSERT INTO intent (key, product_id, quantity, state)
         SELECT printf('order-%04d', i), {product}, 1, 'OPEN' FROM number"
    );
    Connection::open(store.database("orders")).unwrap().execute_batch(&insert).unwrap();
    store.service("orders").start_again();
    store.services[1].wait_for_log("intents are not settled yet; trying again");
    session.expect(&order(&session, product, 1), 400, Some(UNAVAILABLE)).unwrap();
    assert_eq!(intents(&store), MANY);
    store.services[1].wait_for_log("too many intents wait to be settled");
    // While products is unavailable, only a few of them are tried, and the same ones again.
    let tried = released.lock().unwrap().len();
    assert!(tried < 100, "{tried} releases");
    proxy.tamper(None);
    wait_until_settled(&store);
    // How many wait is counted when all are settled, or a moment later.
    let is_taken = || session.send(&order(&session, product, 1)).unwrap().status == 201;
    waiting::until("an order", is_taken).unwrap();
    check_books(&store, &session, &[(product, 20)]);
}

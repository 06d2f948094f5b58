//! Services that are killed under load.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use contract_tests::{
    engine::{exchange::Response, session::Session},
    harness::{environment::number, store::Store, waiting},
};
use rusqlite::Connection;

use crate::{
    NOT_ENOUGH_STOCK, Numbers, RESERVING, UNAVAILABLE, check_books, create_product, intents,
    network::{self, BadNetwork},
    order, orders, start, wait_until_settled,
};

const STOCK: u64 = 1_000_000;
const CALLERS: u64 = 6;

/// What was acknowledged: the id of the order, by the key that its caller has chosen.
type Acknowledged = BTreeMap<String, u64>;

/// Orders until `is_over`. Every order has a key, under which it is asked for until there is a decision.
fn keep_ordering(
    session: &Session,
    products: &[u64],
    caller: u64,
    count: &AtomicUsize,
    is_over: &AtomicBool,
) -> Acknowledged {
    let mut numbers = Numbers(caller);
    let mut acknowledged = Acknowledged::new();
    let mut step = 0;
    while !is_over.load(Ordering::Relaxed) {
        let key = format!("caller-{caller}-{step}");
        step += 1;
        let product = products[numbers.below(products.len() as u64) as usize];
        let request = order(session, product, 1 + numbers.below(3)).header("Idempotency-Key", &key);
        let mut response = Response::default();
        let is_decided = || {
            let Ok(now) = session.send(&request) else { return false };
            response = now;
            // Products is down, or the first request is still at it.
            !matches!(
                (response.status, response.error().as_deref()),
                (400, Some(UNAVAILABLE)) | (409 | 503, _)
            )
        };
        waiting::until("a decision on an order", is_decided).unwrap();
        match (response.status, response.error().as_deref()) {
            (201, _) => {
                acknowledged.insert(key, response.id());
                count.fetch_add(1, Ordering::Relaxed);
            }
            (400, Some(NOT_ENOUGH_STOCK)) => {}
            _ => panic!("{response}"),
        }
    }
    acknowledged
}

#[test]
fn kills_of_either_service_or_both_leave_no_reservation_without_an_order() {
    let (mut store, session) = start(&RESERVING);
    kill_under_load(&mut store, &session, || {});
}

#[test]
fn kills_on_a_bad_network_leave_no_reservation_without_an_order() {
    let (mut store, session, proxy) = network::start();
    let network = BadNetwork::new();
    proxy.tamper(Some(network.tamper()));
    kill_under_load(&mut store, &session, || {
        proxy.tamper(None);
        // What was sent twice arrives when all the services run again.
        network.take_copies().iter().for_each(|copy| drop(session.send(&copy.clone()).unwrap()));
    });
}

/// Kills products, orders or both again and again while orders are made, and looks whether the books are right after `calm`.
fn kill_under_load(store: &mut Store, session: &Session, calm: impl FnOnce()) {
    let kills = number("RESERVE_KILLS", 6);
    let initial = [STOCK, STOCK, 50];
    let products = initial.map(|stock| create_product(session, stock));
    let (is_over, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut numbers = Numbers(7);
    let mut left_open = 0;
    let acknowledged: Acknowledged = thread::scope(|scope| {
        let end = waiting::SetOnDrop(&is_over);
        let (count, is_over) = (&count, &is_over);
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| scope.spawn(move || keep_ordering(session, &products, caller, count, is_over)))
            .collect();
        for kill in 0..kills {
            let enough = count.load(Ordering::Relaxed) + 20 + numbers.below(40) as usize;
            waiting::until("acknowledged orders", || count.load(Ordering::Relaxed) >= enough).unwrap();
            thread::sleep(Duration::from_micros(numbers.below(3000)));
            let killed: &[&str] = match kill % 3 {
                0 => &["products"],
                1 => &["orders"],
                _ => &["orders", "products"],
            };
            killed.iter().for_each(|service| store.service(service).kill());
            left_open += intents(store);
            killed.iter().rev().for_each(|service| store.service(service).start_again());
        }
        drop(end);
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    calm();
    wait_until_settled(store);
    let books: Vec<(u64, u64)> = products.into_iter().zip(initial).collect();
    check_books(store, session, &books);
    // Every key was asked for until there was a response, so that every order has exactly one.
    assert_eq!(acknowledged.len() as i64, orders(store));
    for id in acknowledged.values() {
        session.expect(&session.request("orders", "GET", format!("/orders/{id}")), 200, None).unwrap();
    }
    let on_files = ["products", "orders"].into_iter().filter(|service| store.postgres(service).is_none());
    for service in on_files {
        let connection = Connection::open(store.database(service)).unwrap();
        let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok", "{service}");
    }
    println!(
        "{kills} kills, {left_open} intents left open by them, {} orders: the books are right",
        acknowledged.len()
    );
}

//! Many callers at once.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use contract_tests::{
    engine::{
        exchange::{Request, Response},
        session::Session,
    },
    harness::environment::number,
};
use serde_json::json;

use crate::{
    NOT_ENOUGH_STOCK, Numbers, RESERVING, UNAVAILABLE, check_books, create_product, order, orders, start,
    stock, wait_until_settled,
};

const CALLERS: usize = 64;

/// What `CALLERS` are answered who send a request at the same time.
fn race(session: &Session, request: &Request) -> Vec<Response> {
    let start = Barrier::new(CALLERS);
    let call = || {
        start.wait();
        session.send(request).unwrap()
    };
    thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(call)).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    })
}

/// Whether products did not answer in time, so that nothing is known of its stock.
fn is_undecided(response: &Response) -> bool {
    response.status == 503 || response.error().as_deref() == Some(UNAVAILABLE)
}

#[test]
fn the_last_one_is_sold_once() {
    let rounds = number("RESERVE_RACES", 24);
    let (store, session) = start(&RESERVING);
    let (mut products, mut sold) = (Vec::new(), 0);
    for round in 0..rounds {
        let product = create_product(&session, 1);
        let responses = race(&session, &order(&session, product, 1));
        let count = |is: fn(&Response) -> bool| responses.iter().filter(|response| is(response)).count();
        let (created, undecided) = (count(|response| response.status == 201), count(is_undecided));
        let refused = count(|response| response.error().as_deref() == Some(NOT_ENOUGH_STOCK));
        assert_eq!(created + undecided + refused, CALLERS, "round {round}: {responses:?}");
        // On a machine that is busy for seconds, the one who has it may not be told in time; then it is given back.
        assert!(created == 1 || created == 0 && undecided > 0, "round {round}: {responses:?}");
        sold += created;
        products.push((product, 1));
    }
    wait_until_settled(&store);
    check_books(&store, &session, &products);
    println!("{rounds} races of {CALLERS} callers for the last one: {sold} sold once, none twice");
}

#[test]
fn many_equal_requests_with_a_key_are_one_order_and_take_the_stock_once() {
    let (store, session) = start(&RESERVING);
    let product = create_product(&session, 100);
    for round in 0..5 {
        let request = order(&session, product, 3).header("Idempotency-Key", format!("round-{round}"));
        let responses = race(&session, &request);
        let is_fit = |response: &Response| [201, 409].contains(&response.status) || is_undecided(response);
        assert!(responses.iter().all(is_fit), "{responses:?}");
        let again = session.expect(&request, 201, None).unwrap();
        let is_same = |response: &Response| response.status != 201 || response.body == again.body;
        assert!(responses.iter().all(is_same), "{responses:?}");
    }
    wait_until_settled(&store);
    assert_eq!((orders(&store), stock(&session, product)), (5, 85));
    check_books(&store, &session, &[(product, 100)]);
}

#[test]
fn no_interleaving_oversells_or_loses_stock() {
    const STEPS: u64 = 60;
    let (store, session) = start(&RESERVING);
    let products = [create_product(&session, 40), create_product(&session, 300)];
    // The stock that was added later, and the stock held by reservations without an order.
    let [added, kept] = [(); 2].map(|()| products.map(|_| AtomicU64::new(0)));
    thread::scope(|scope| {
        let (session, added, kept) = (&session, &added, &kept);
        for caller in 0..6 {
            scope.spawn(move || {
                let mut numbers = Numbers(caller);
                for _ in 0..STEPS {
                    let product = products[numbers.below(2) as usize];
                    let response = session.send(&order(session, product, 1 + numbers.below(5))).unwrap();
                    let is_refused = response.error().as_deref() == Some(NOT_ENOUGH_STOCK);
                    assert!(response.status == 201 || is_refused || is_undecided(&response), "{response}");
                }
            });
        }
        for caller in 6..8 {
            scope.spawn(move || {
                let mut numbers = Numbers(caller);
                for _ in 0..STEPS {
                    let which = numbers.below(2) as usize;
                    let path = format!("/products/{}", products[which]);
                    let read = session.expect(&session.request("products", "GET", &path), 200, None).unwrap();
                    let mut product = read.json();
                    let more = numbers.below(4);
                    product["stock"] = (product["stock"].as_u64().unwrap() + more).into();
                    product.as_object_mut().unwrap().shift_remove("id");
                    let replace = session.request("products", "PUT", &path).json(&product);
                    let response =
                        session.send(&replace.header("If-Match", read.header("ETag").unwrap())).unwrap();
                    match response.status {
                        200 => drop(added[which].fetch_add(more, Ordering::Relaxed)),
                        _ => {
                            assert_eq!(response.error().as_deref(), Some("Precondition failed"), "{response}")
                        }
                    }
                }
            });
        }
        for caller in 8..10 {
            scope.spawn(move || {
                let mut numbers = Numbers(caller);
                for step in 0..STEPS {
                    let which = numbers.below(2) as usize;
                    let key = format!("caller-{caller}-{}", step / 2);
                    let path = format!("/products/{}/reservations/{key}", products[which]);
                    // Some are released before they are made, and some not at all.
                    for _ in 0..numbers.below(3) {
                        let make = session.request("products", "PUT", &path).json(&json!({ "quantity": 2 }));
                        if session.send(&make).unwrap().status == 201 {
                            kept[which].fetch_add(2, Ordering::Relaxed);
                        }
                    }
                    for _ in 0..numbers.below(3) {
                        let read = session.request("products", "GET", &path);
                        let was_held = session.send(&read).unwrap().json()["status"] == "HELD";
                        let release = session.request("products", "DELETE", &path);
                        session.expect(&release, 200, None).unwrap();
                        if was_held {
                            kept[which].fetch_sub(2, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    wait_until_settled(&store);
    let books = |which: usize, initial: u64| {
        let [added, kept] = [&added, &kept].map(|of| of[which].load(Ordering::Relaxed));
        (products[which], initial + added - kept)
    };
    check_books(&store, &session, &[books(0, 40), books(1, 300)]);
}

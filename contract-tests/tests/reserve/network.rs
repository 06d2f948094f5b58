//! Requests and responses between orders and products that are lost, delayed or duplicated.

use std::{
    mem,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use contract_tests::{
    engine::{
        exchange::{Request, Response},
        faults::fault::{Forward, Tamper},
        session::Session,
    },
    harness::{proxy::Proxy, store::Store},
};

use crate::{Numbers, RESERVING, check_books, create_product, order, orders, stock, wait_until_settled};

/// How long a caller waits for an order, in milliseconds.
const TIMEOUT: u64 = 300;

/// A store with a proxy between orders and products.
pub(crate) fn start() -> (Store, Session, Proxy) {
    let proxy = Proxy::start("products");
    let settings = [&RESERVING[..], &[("PRODUCTS_URL", proxy.url())]].concat();
    let (store, session) = crate::start(&settings);
    let products = store.services.iter().find(|process| process.service() == "products").unwrap();
    proxy.forward_to(products.url());
    (store, session, proxy)
}

fn lost() -> Response {
    Response { status: 502, ..Response::default() }
}

/// A network that is bad at everything. What is sent twice may arrive a second time whenever anything else does.
#[derive(Clone)]
pub(crate) struct BadNetwork(Arc<Mutex<State>>);

struct State {
    numbers: Numbers,
    copies: Vec<Request>,
}

impl BadNetwork {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State { numbers: Numbers(11), copies: Vec::new() })))
    }

    pub(crate) fn tamper(&self) -> Tamper {
        let network = self.clone();
        Arc::new(move |request, forward| network.deliver(&request, forward))
    }

    fn deliver(&self, request: &Request, forward: Forward<'_>) -> Response {
        let (what, late) = {
            let State { numbers, copies } = &mut *self.0.lock().unwrap();
            let what = numbers.below(10);
            if what == 5 || what == 6 {
                copies.push(request.clone());
            }
            // The first copy stays until the end.
            let at = 1 + numbers.below(8) as usize;
            (what, (at < copies.len()).then(|| copies.swap_remove(at)))
        };
        late.iter().for_each(|copy| drop(forward(copy)));
        match what {
            // The request is lost.
            0 => lost(),
            // The response is lost.
            1 | 2 => {
                forward(request);
                lost()
            }
            // The request is late: its caller no longer waits for it.
            3 => {
                thread::sleep(Duration::from_millis(TIMEOUT + 100));
                forward(request)
            }
            // The response is late.
            4 => {
                let response = forward(request);
                thread::sleep(Duration::from_millis(TIMEOUT + 100));
                response
            }
            // The request arrives twice at once, and perhaps once more later.
            6 | 7 => {
                forward(request);
                forward(request)
            }
            _ => forward(request),
        }
    }

    /// The copies that have not arrived yet.
    pub(crate) fn take_copies(&self) -> Vec<Request> {
        mem::take(&mut self.0.lock().unwrap().copies)
    }
}

#[test]
fn a_network_that_loses_delays_and_doubles_everything_sells_nothing_twice() {
    const STEPS: u64 = 30;
    let (store, session, proxy) = start();
    let products = [create_product(&session, 20), create_product(&session, 10_000)];
    let network = BadNetwork::new();
    proxy.tamper(Some(network.tamper()));
    let created: usize = thread::scope(|scope| {
        let call = |caller| {
            let session = &session;
            move || {
                let mut numbers = Numbers(caller);
                let step = |_| {
                    let product = products[numbers.below(2) as usize];
                    let request = order(session, product, 1 + numbers.below(4));
                    let response =
                        session.send(&request.header("X-Request-Timeout-Ms", TIMEOUT.to_string())).unwrap();
                    assert!([201, 400, 503].contains(&response.status), "{response}");
                    usize::from(response.status == 201)
                };
                (0..STEPS).map(step).sum::<usize>()
            }
        };
        let callers: Vec<_> = (0..8).map(|caller| scope.spawn(call(caller))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    proxy.tamper(None);
    wait_until_settled(&store);
    assert!(created > 0, "nothing was sold at all");
    // A caller may have stopped waiting for an order that was made at the last moment.
    assert!(orders(&store) >= created as i64, "{} orders, {created} acknowledged", orders(&store));
    let books = [(products[0], 20), (products[1], 10_000)];
    check_books(&store, &session, &books);

    // What arrives after everything has settled changes nothing.
    let late = network.take_copies();
    assert!(!late.is_empty(), "no copy is left");
    for copy in &late {
        let products = session.deployment.service("products");
        session.send(&copy.clone().token(&products.token)).unwrap();
    }
    check_books(&store, &session, &books);
}

#[test]
fn a_refused_request_that_arrives_again_after_the_stock_was_raised_takes_nothing() {
    let (store, session, proxy) = start();
    let product = create_product(&session, 1);
    let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
    let copies = seen.clone();
    proxy.tamper(Some(Arc::new(move |request, forward| {
        copies.lock().unwrap().push(request.clone());
        forward(&request)
    })));
    session.expect(&order(&session, product, 5), 400, Some(crate::NOT_ENOUGH_STOCK)).unwrap();
    wait_until_settled(&store);
    let raise = serde_json::json!({ "name": "Scarce", "price": 1, "stock": 50 });
    let raise = session.request("products", "PUT", format!("/products/{product}")).json(&raise);
    session.expect(&raise, 200, None).unwrap();
    let reservation = seen.lock().unwrap().iter().find(|copy| copy.method == "PUT").unwrap().clone();
    session.expect(&reservation, 409, Some("Reservation released")).unwrap();
    assert_eq!(stock(&session, product), 50);
    check_books(&store, &session, &[(product, 50)]);
}

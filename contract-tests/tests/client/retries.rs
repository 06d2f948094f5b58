//! How often the console retries, and how long it waits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use contract_tests::{
    engine::exchange::Response,
    harness::{
        ending,
        proxy::Proxy,
        upstream::{FakeUpstream, FaultMode},
    },
};

use crate::{Console, fails, losing_the_first_response};

/// The first response is lost, after the product was created.
pub(crate) fn a_create_without_a_response_is_retried_and_creates_once(console: &Console) {
    let (proxy, sent) = losing_the_first_response(&console.store);
    let mut create = console.command("products create --name Computer --price 200 --stock 20");
    let created = ending::output(create.env("PRODUCTS_URL", proxy.url()));
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    assert_eq!((sent.load(Ordering::Relaxed), console.store.rows("products")), (2, 1));
}

pub(crate) fn a_create_is_not_retried_before_retry_after(console: &Console) {
    let product = r#"{"id":1,"name":"Computer","price":200,"stock":20}"#;
    for (seconds, times) in [(1, 2), (60, 1)] {
        let upstream = FakeUpstream::start(product, FaultMode::IsFullFor(seconds));
        let mut command = console.command("products create --name Computer --price 200 --stock 20");
        let began = Instant::now();
        let output = ending::output(command.env("PRODUCTS_URL", upstream.url()));
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(upstream.conversations(), times, "{message}");
        assert!(times == 1 || began.elapsed() >= Duration::from_secs(1), "{message}");
    }
}

/// One that gives up when its time is over would take as long with each try.
pub(crate) fn a_service_that_fails_slowly_is_asked_once(console: &Console) {
    let proxy = Proxy::start("orders");
    let sent = Arc::new(AtomicUsize::default());
    let counted = sent.clone();
    proxy.tamper(Some(Arc::new(move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        thread::sleep(client::CALL_TIMEOUT);
        let body = r#"{"error":"Service unavailable"}"#.into();
        Response { status: 503, body, ..Response::default() }
    })));
    let mut command = console.command("orders create --product 1 --quantity 1");
    command.env("ORDERS_URL", proxy.url());
    fails(command, 1, "orders says: Service unavailable.");
    assert_eq!(sent.load(Ordering::Relaxed), 1);
}

/// So it hears of a service that gives up at the last moment.
pub(crate) fn the_console_waits_longer_than_it_tells_the_service(console: &Console) {
    let proxy = Proxy::start("orders");
    let announced = Arc::new(AtomicUsize::default());
    let seen = announced.clone();
    proxy.tamper(Some(Arc::new(move |request, _| {
        let milliseconds = request.headers.iter().find(|(name, _)| name == "x-request-timeout-ms");
        let milliseconds = milliseconds.and_then(|(_, value)| value.parse().ok()).unwrap_or_default();
        seen.store(milliseconds, Ordering::Relaxed);
        let body = r#"{"error":"Order not found"}"#.into();
        Response { status: 404, body, ..Response::default() }
    })));
    let mut command = console.command("orders show 1");
    command.env("ORDERS_URL", proxy.url());
    fails(command, 1, "orders says: Order not found.");
    // It waits for five seconds, and the services wait for each other for three.
    let announced = announced.load(Ordering::Relaxed);
    assert!((3001..=4800).contains(&announced), "{announced}");
}

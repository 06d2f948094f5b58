//! Requests that arrive together share a read of the upstream, whose result is never older than the requests.

use std::{
    sync::{Arc, Barrier, Mutex, mpsc},
    thread,
    time::Duration,
};

use contract_tests::{
    engine::{edges::Edge, session::Session},
    harness::{
        metrics::Metrics,
        proxy::Proxy,
        store::Store,
        upstream::{FakeUpstream, FaultMode},
        waiting,
    },
};
use libtest_mimic::Failed;
use serde_json::json;

use crate::{PROGRAM, start};

/// Callers that ask for the same thing at once share a read that began when all of them had come.
pub(crate) fn asks_once(edge: &'static Edge) -> Result<(), Failed> {
    let upstream = FakeUpstream::start(&edge.response, FaultMode::TakesASecond);
    let (_store, session) = start(edge, &upstream);
    let create = edge.create(&session);
    let all_are_here = Barrier::new(20);
    thread::scope(|scope| {
        let ask = || {
            all_are_here.wait();
            session.expect(&create, 201, None).map(drop)
        };
        let asked: Vec<_> = (0..20).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().try_for_each(|asked| asked.join().expect("a customer"))
    })?;
    match Metrics::of(&session, edge.service)?.sum("http_client_shared_requests_total", &[edge.upstream]) {
        0.0 => Err("no read was shared".into()),
        _ => Ok(()),
    }
}

/// An order that comes while another waits for an older stock does not share it.
pub(crate) fn decides_by_no_old_stock() -> Result<(), Failed> {
    let proxy = Proxy::start("products");
    let (mut store, session) = Store::start_with_session(PROGRAM, &[("PRODUCTS_URL", proxy.url())]);
    proxy.forward_to(store.service("products").url());
    let product = |stock| json!({ "name": "Computer", "price": 200, "stock": stock });
    let create = session.request("products", "POST", "/products").json(&product(5));
    session.expect(&create, 201, None)?;

    let (read, was_read) = mpsc::channel();
    let (release, held) = mpsc::channel::<()>();
    let first = Mutex::new(Some((read, held)));
    proxy.tamper(Some(Arc::new(move |request, forward| {
        let response = forward(&request);
        let first = first.lock().expect("the first read").take();
        if let Some((read, held)) = first {
            read.send(()).expect("a test that waits for it");
            // The test may have failed meanwhile.
            let _ = held.recv();
        }
        response
    })));
    let order = session.request("orders", "POST", "/orders").json(&json!({ "product_id": 1, "quantity": 1 }));
    thread::scope(|scope| {
        let early = scope.spawn(|| session.send(&order));
        was_read.recv_timeout(Duration::from_secs(60))?;
        let sold_out = session.request("products", "PUT", "/products/1").json(&product(0));
        session.expect(&sold_out, 200, None)?;
        let late = scope.spawn(|| session.expect(&order, 400, Some("Not enough stock")));
        waiting::until("the late order waits for products, too", || {
            late.is_finished() || waiting_for_products(&session) == 2.0
        })?;
        drop(release);
        early.join().expect("a customer")?;
        late.join().expect("a customer")?;
        Ok(())
    })
}

/// How many orders wait for products.
pub(crate) fn waiting_for_products(session: &Session) -> f64 {
    Metrics::of(session, "orders").map_or(0.0, |metrics| metrics.sum("http_client_active_requests", &[]))
}

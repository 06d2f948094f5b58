//! Requests that wait for an upstream leave permits for requests that need none.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use contract_tests::harness::{
    metrics::Metrics,
    store::Store,
    upstream::{FakeUpstream, FaultMode},
};
use libtest_mimic::Failed;
use serde_json::json;

use crate::{PROGRAM, alone};

const PRODUCT: &str = r#"{"id":1,"name":"Computer","price":200,"stock":20}"#;

type Outcome<T = ()> = Result<T, Failed>;

#[test]
fn waiting_orders_leave_places_with_default_limits() -> Outcome {
    let _machine = alone();
    leaves_places(520, &[])
}

#[test]
fn waiting_orders_leave_places_with_few_places() -> Outcome {
    let _machine = alone();
    leaves_places(12, &[("MAX_REQUESTS", "8")])
}

#[test]
fn orders_beyond_the_upstream_limit_are_refused() -> Outcome {
    let _machine = alone();
    leaves_places(8, &[("MAX_UPSTREAM_REQUESTS", "1")])
}

/// While products is silent, more callers order than there are places: reads and payments find a place all
/// the same, and the orders that are too many are refused.
fn leaves_places(callers: usize, settings: &[(&str, &str)]) -> Outcome {
    let upstream = FakeUpstream::start(PRODUCT, FaultMode::RespondsWellOnce);
    let url = upstream.url();
    let (_store, session) =
        Store::start_with_session(PROGRAM, &[&[("PRODUCTS_URL", url.as_str())], settings].concat());
    let order = session.request("orders", "POST", "/orders").json(&json!({ "product_id": 1, "quantity": 3 }));
    session.expect(&order, 201, None)?;
    let read = session.request("orders", "GET", "/orders/1");
    let payment = json!({ "order_id": 1, "amount": 200, "method": "fake-card" });
    let pay = session.request("payments", "POST", "/payments").json(&payment);

    let is_over = AtomicBool::new(false);
    let refused = AtomicUsize::new(0);
    thread::scope(|scope| {
        let customers: Vec<_> = (0..callers)
            .map(|_| {
                scope.spawn(|| -> Outcome {
                    while !is_over.load(Ordering::Relaxed) {
                        let response = session.send(&order)?;
                        match (response.status, response.error().as_deref()) {
                            (503, Some("Service unavailable")) => {
                                response.header("Retry-After").ok_or("a 503 without Retry-After")?;
                                refused.fetch_add(1, Ordering::Relaxed);
                                return Ok(());
                            }
                            (400, Some("Product not found or unavailable")) => {}
                            _ => return Err(response.to_string().into()),
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        let began = Instant::now();
        // An order that is not refused waits; the first conversation was the one that was answered.
        let settled = || refused.load(Ordering::Relaxed) + upstream.conversations() > callers;
        while !settled() && began.elapsed() < Duration::from_secs(10) {
            thread::sleep(Duration::from_millis(1));
        }
        let others = || -> Outcome {
            let waiting = Metrics::of(&session, "orders")?.sum("http_client_active_requests", &[]);
            if waiting < 1.0 || waiting + refused.load(Ordering::Relaxed) as f64 > callers as f64 {
                return Err(format!("{waiting} are said to wait").into());
            }
            for _ in 0..100 {
                session.expect(&read, 200, None)?;
            }
            for _ in 0..10 {
                session.expect(&pay, 201, None)?;
            }
            Ok(())
        };
        let others = others();
        is_over.store(true, Ordering::Relaxed);
        customers.into_iter().try_for_each(|customer| customer.join().expect("a customer"))?;
        if refused.load(Ordering::Relaxed) == 0 {
            return Err("no order was too many".into());
        }
        others
    })
}

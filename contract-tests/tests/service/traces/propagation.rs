//! A trace is continued or started, and propagated.

use std::collections::HashSet;

use contract_tests::harness::store::Store;
use serde_json::json;

use super::{ENDPOINT, ORDERING, TRACE, collector::Collector, logs, sell};
use crate::PROGRAM;

/// What is at `key` in a log line that is text.
fn value<'a>(line: &'a str, key: &str) -> &'a str {
    let (_, rest) = line.split_once(&format!(" {key}=")).unwrap_or_else(|| panic!("no {key} in {line}"));
    rest.split(' ').next().unwrap()
}

fn wait_for<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn a_request_without_a_trace_starts_one() {
    let collector = Collector::start();
    for settings in [&[][..], &[(ENDPOINT, collector.url.as_str())]] {
        let (mut store, session) = Store::start_with_session(PROGRAM, settings);
        let wrong = [
            format!("00-{TRACE}-{ORDERING}-01-more"),
            format!("00-{}-{ORDERING}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("ff-{TRACE}-{ORDERING}-01"),
            "none".into(),
        ];
        let request = session.request("products", "GET", "/products/1").header("X-Request-Id", "4711");
        session.expect(&request, 404, None).unwrap();
        for parent in &wrong {
            session.expect(&request.clone().header("traceparent", parent), 404, None).unwrap();
        }
        let [log, ..] = logs(&mut store);
        let lines = log.lines().filter(|line| line.contains("4711"));
        let traces: HashSet<&str> = lines.map(|line| value(line, "trace_id")).collect();
        assert_eq!(traces.len(), 1 + wrong.len(), "{log}");
        assert!(traces.iter().all(|trace| trace.len() == 32 && *trace != TRACE), "{traces:?}");
        if !settings.is_empty() {
            let begun = collector.spans().into_iter().filter(|span| span.parent.is_empty());
            let begun: HashSet<String> = begun.map(|span| span.trace).collect();
            assert!(traces.iter().all(|trace| begun.contains(*trace)), "{traces:?} are not in {begun:?}");
        }
    }
}

#[test]
fn the_trace_continues_without_a_collector() {
    let (mut store, session) = Store::start_with_session(PROGRAM, &[("LOG_FORMAT", "json")]);
    sell(&session);
    for log in logs(&mut store) {
        assert!(log.contains(&format!(r#","trace_id":"{TRACE}""#)), "{log}");
    }
}

#[test]
fn an_upstream_gets_the_trace_with_a_new_parent_and_the_same_flags_and_state() {
    for endpoint in [None, Some(Collector::start())] {
        let upstream = Collector::start();
        let mut settings = vec![("PRODUCTS_URL", upstream.url.as_str())];
        settings.extend(endpoint.iter().map(|collector| (ENDPOINT, collector.url.as_str())));
        let (_store, session) = Store::start_with_session(PROGRAM, &settings);
        let mut parents = HashSet::from([ORDERING.to_owned()]);
        for flags in ["00", "01"] {
            let order = json!({ "product_id": 1, "quantity": 3 });
            let order = session.request("orders", "POST", "/orders").json(&order);
            let order = order.header("traceparent", format!("00-{TRACE}-{ORDERING}-{flags}"));
            let order = order.header("tracestate", "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
            session.expect(&order, 400, Some("Product not found or unavailable")).unwrap();
            let head = upstream.received.lock().unwrap().pop().unwrap().head;
            assert!(head.contains("\r\ntracestate: congo=t61rcWkgMzE,rojo=00f067aa0ba902b7\r\n"), "{head}");
            let (_, parent) = head.split_once(&format!("\r\ntraceparent: 00-{TRACE}-")).expect(&head);
            let (parent, rest) = parent.split_once('-').unwrap();
            assert!(parent.len() == 16 && rest.starts_with(&format!("{flags}\r\n")), "{head}");
            assert!(parents.insert(parent.to_owned()), "{parent} is not new");
        }
    }
}

#[test]
fn a_user_of_the_client_can_name_the_trace_of_a_call() {
    let (mut store, session) = Store::start_with_session(PROGRAM, &[]);
    let address = session.deployment.service("orders").clone();
    let orders = client::orders(&address.url, &address.token).unwrap();
    let order = client::orders::types::NewOrder::builder().product_id(7_u64).quantity(3_u64);
    let (trace, refused) = wait_for(client::traced(orders.create_order().body(order).send()));
    assert!(matches!(refused, Err(client::Error::ErrorResponse(_))));
    for log in &logs(&mut store)[..2] {
        assert!(
            log.contains(&format!(" status=40{} ", if log.starts_with("orders") { 0 } else { 4 })),
            "{log}"
        );
        assert!(log.contains(&format!(" trace_id={trace}")), "{trace} is not in {log}");
    }
    let (other, gone) = wait_for(client::traced(orders.get_order().id(1_u64).send()));
    assert!(gone.is_err() && other != trace && other.len() == 32, "{other}");
}

#[test]
fn the_client_sends_no_trace_that_is_not_recorded() {
    let upstream = Collector::start();
    let products = client::products(&upstream.url, "token").unwrap();
    let _ = wait_for(products.get_product().id(1_u64).send());
    let head = upstream.received.lock().unwrap().pop().unwrap().head;
    assert!(!head.contains("traceparent"), "{head}");

    let (trace, _) = wait_for(client::traced(products.get_product().id(1_u64).send()));
    let head = upstream.received.lock().unwrap().pop().unwrap().head;
    let (_, parent) = head.split_once(&format!("\r\ntraceparent: 00-{trace}-")).expect(&head);
    assert_eq!(parent.lines().next().unwrap()[16..], *"-00", "{head}");
}

#[test]
fn a_new_trace_is_sampled_only_with_a_collector() {
    for (collector, flags) in [(None, "00"), (Some(Collector::start()), "01")] {
        let upstream = Collector::start();
        let mut settings = vec![("PRODUCTS_URL", upstream.url.as_str())];
        settings.extend(collector.iter().map(|collector| (ENDPOINT, collector.url.as_str())));
        let (_store, session) = Store::start_with_session(PROGRAM, &settings);
        let order =
            session.request("orders", "POST", "/orders").json(&json!({ "product_id": 1, "quantity": 3 }));
        session.expect(&order, 400, None).unwrap();
        let head = upstream.received.lock().unwrap().pop().unwrap().head;
        let (_, parent) = head.split_once("\r\ntraceparent: ").expect(&head);
        assert!(parent.lines().next().unwrap().ends_with(&format!("-{flags}")), "{head}");
    }
}

//! The metrics of the services, for Prometheus and the dashboard.

use std::collections::BTreeSet;

use contract_tests::{
    engine::{deployment::SERVICES, exchange::Request, session::Session},
    harness::{metrics::Metrics, store::Store},
};
use regex::Regex;
use serde_json::{Value, json};

use crate::PROGRAM;

const REQUESTS: &str = "http_server_request_duration_seconds_count";
const CALLS: &str = "http_client_request_duration_seconds_count";

fn metrics(session: &Session, service: &str) -> Metrics {
    let response = session.expect(&Request::new(service, "GET", "/metrics"), 200, None).unwrap();
    assert!(response.header("Content-Type").unwrap().starts_with("text/plain; version=0.0.4"));
    Metrics::read(&String::from_utf8(response.body).unwrap()).unwrap()
}

/// A product, an order of it, its payment, and one refusal of each kind.
fn buy(session: &Session) {
    let create = |service: &str, body: Value, status| {
        let request = session.request(service, "POST", format!("/{service}")).json(&body);
        session.expect(&request, status, None).unwrap();
    };
    create("products", json!({ "name": "Computer", "price": 200, "stock": 20 }), 201);
    create("orders", json!({ "product_id": 1, "quantity": 3 }), 201);
    create("orders", json!({ "product_id": 1, "quantity": 21 }), 400);
    create("orders", json!({ "product_id": 2, "quantity": 1 }), 400);
    create("payments", json!({ "order_id": 1, "amount": 600, "method": "fake-card" }), 201);
    session.expect(&Request::new("orders", "GET", "/orders/1"), 401, None).unwrap();
}

#[track_caller]
fn counts(metrics: &Metrics, name: &str, labels: &[&str], expected: f64) {
    assert_eq!(metrics.sum(name, labels), expected, "{name}{labels:?} of {metrics:#?}");
}

#[test]
fn requests_are_counted_by_operation_and_status() {
    let (_store, session) = Store::start_with_session(PROGRAM, &[]);
    buy(&session);
    let orders = metrics(&session, "orders");
    let route = |path| format!("http_route=\"{path}\"");
    let status = |status| format!("http_response_status_code=\"{status}\"");
    for (path, code, count) in [("/orders", 201, 1.0), ("/orders", 400, 2.0), ("/orders/{id}", 401, 1.0)] {
        counts(&orders, REQUESTS, &[&route(path), &status(code)], count);
    }
    // Payments has asked for the order.
    counts(&orders, REQUESTS, &["http_request_method=\"GET\"", &status(200), &route("/orders/{id}")], 1.0);
}

#[test]
fn calls_to_the_other_service_are_counted_by_outcome() {
    let (_store, session) = Store::start_with_session(PROGRAM, &[]);
    buy(&session);
    let orders = metrics(&session, "orders");
    let to_products = "service_peer_name=\"products\"";
    counts(&orders, CALLS, &[to_products, "outcome=\"answered\""], 3.0);
    counts(&orders, CALLS, &[to_products, "outcome=\"failed\""], 0.0);
    // None of them waits any more.
    counts(&orders, "http_client_active_requests", &[], 0.0);
    counts(&metrics(&session, "payments"), CALLS, &["service_peer_name=\"orders\""], 1.0);
}

#[test]
fn database_work_is_counted() {
    let (_store, session) = Store::start_with_session(PROGRAM, &[]);
    buy(&session);
    let products = metrics(&session, "products");
    counts(&products, "sqlite_commit_writes_sum", &[], 1.0);
    counts(&products, "sqlite_commit_duration_seconds_count", &[], 1.0);
    counts(&products, "sqlite_reads_total", &[], 3.0);
}

#[test]
fn refused_requests_are_counted_and_metrics_are_served_under_overload() {
    let (_store, session) =
        Store::start_with_session(PROGRAM, &[("MAX_REQUESTS", "1"), ("BODY_TIMEOUT", "60s")]);
    let product = json!({ "name": "x", "price": 1, "stock": 1 });
    let create = session.request("products", "POST", "/products").json(&product);
    // An occupier may come too late for the only place, and is refused then; one of them gets it.
    let mut occupiers = Vec::new();
    while session.send(&create).unwrap().status != 503 {
        occupiers.push(session.occupy(&create));
        assert!(occupiers.len() < 1000, "no request gets the only place");
    }
    let products = metrics(&session, "products");
    assert!(products.sum("http_server_refused_requests_total", &[]) >= 1.0, "{products:#?}");
    counts(&products, "http_server_active_requests", &[], 1.0);
}

#[test]
fn callers_cannot_invent_labels() {
    let (_store, session) = Store::start_with_session(PROGRAM, &[]);
    for number in 0..5 {
        session.expect(&session.request("products", "BREW", format!("/pots/{number}")), 404, None).unwrap();
    }
    let products = metrics(&session, "products");
    counts(&products, REQUESTS, &["http_request_method=\"_OTHER\"", "http_route=\"(none)\""], 5.0);
}

#[test]
fn build_info_names_the_service() {
    let (_store, session) = Store::start_with_session(PROGRAM, &[]);
    for &service in SERVICES.iter() {
        let label = format!("service=\"{service}\"");
        counts(&metrics(&session, service), "build_info", &[&label, "version=\"1."], 1.0);
    }
}

#[test]
fn the_dashboard_shows_every_metric_and_no_other() {
    let (_store, session) = Store::start_with_session(PROGRAM, &[]);
    buy(&session);
    let all: Vec<Metrics> = SERVICES.iter().map(|service| metrics(&session, service)).collect();
    let known: BTreeSet<&str> = all.iter().flat_map(Metrics::names).collect();
    let dashboard = include_str!("../../../services/chassis/dashboard.json");
    let dashboard: Value = serde_json::from_str(dashboard).unwrap();
    let name = Regex::new(r"\b(?:http|sqlite|build|process|intents)_[a-z_]+\b").unwrap();
    let labels = Regex::new(r"_(?:method|route|code|name)$").unwrap();
    let mut asked = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            for name in name.find_iter(expression).map(|found| found.as_str()) {
                if !labels.is_match(name) {
                    assert!(known.contains(name), "{}: {name} is not a metric", panel["title"]);
                    asked.insert(family(name));
                }
            }
        }
    }
    assert_eq!(asked, known.into_iter().map(family).collect(), "shown, and there");
}

/// The metric that a sample belongs to.
fn family(sample: &str) -> &str {
    ["_bucket", "_count", "_sum"].iter().find_map(|suffix| sample.strip_suffix(suffix)).unwrap_or(sample)
}

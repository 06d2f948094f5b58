//! The spans of a purchase, and what they say.

use contract_tests::engine::exchange::Request;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;

use super::{
    ORDERING, PAYING, TRACE,
    collector::{Collector, Span},
    logs, sell,
};

/// Follows a path through the trace from the span `parent` down, each step of which is there once.
#[track_caller]
fn follow(spans: &[Span], mut parent: String, path: &[(&str, SpanKind, &str)]) {
    for (service, kind, name) in path {
        let is_next = |span: &&Span| {
            (span.service.as_str(), span.kind, span.name.as_str()) == (service, *kind, name)
                && (span.trace.as_str(), span.parent.as_str()) == (TRACE, parent.as_str())
        };
        let found: Vec<&Span> = spans.iter().filter(is_next).collect();
        let [span] = found.as_slice() else {
            panic!("{service} has {} spans {name} below {parent}: {spans:#?}", found.len())
        };
        parent = span.id.clone();
    }
}

#[test]
fn a_purchase_is_one_trace_over_three_services() {
    use SpanKind::{Client, Internal, Server};
    let collector = Collector::start();
    let (mut store, session) = collector.store(&[]);
    sell(&session);
    for log in logs(&mut store) {
        assert!(log.contains(&format!(" trace_id={TRACE}")), "{log}");
    }
    let spans = collector.spans();
    let ordered = [("orders", Server, "POST /orders"), ("orders", Internal, "write orders")];
    let product_asked = [
        ("orders", Server, "POST /orders"),
        ("orders", Client, "products"),
        ("products", Server, "GET /products/{id}"),
        ("products", Internal, "read products"),
    ];
    let paid = [("payments", Server, "POST /payments"), ("payments", Internal, "write payments")];
    let order_asked = [
        ("payments", Server, "POST /payments"),
        ("payments", Client, "orders"),
        ("orders", Server, "GET /orders/{id}"),
        ("orders", Internal, "read orders"),
    ];
    follow(&spans, ORDERING.into(), &ordered);
    follow(&spans, ORDERING.into(), &product_asked);
    follow(&spans, PAYING.into(), &paid);
    follow(&spans, PAYING.into(), &order_asked);
    assert_eq!(spans.iter().filter(|span| span.trace == TRACE).count(), 10, "{spans:#?}");
    assert!(spans.iter().all(|span| !span.is_error), "{spans:#?}");
}

#[test]
fn spans_record_requests_responses_and_failures() {
    let collector = Collector::start();
    let (mut store, session) = collector.store(&[]);
    let product = json!({ "name": "Quantum computer", "price": 200, "stock": 20 });
    let create = session.request("products", "POST", "/products").json(&product);
    let order = session.request("orders", "POST", "/orders").json(&json!({ "product_id": 7, "quantity": 3 }));
    let lock = store.lock("products");
    session.expect(&create, 503, None).unwrap();
    drop(lock);
    session.expect(&order, 400, None).unwrap();
    session.send(&Request::new("payments", "PURGE", "/nowhere?key=value")).unwrap();
    logs(&mut store);

    let spans = collector.spans();
    let check = |service: &str, name: &str, is_error: bool, attributes: &[(&str, &str)]| {
        let named = |span: &&Span| span.service == service && span.name == name;
        let [span] = spans.iter().filter(named).collect::<Vec<_>>()[..] else { panic!("{name}: {spans:#?}") };
        assert_eq!(span.is_error, is_error, "{span:#?}");
        let expected = attributes.iter().map(|(key, value)| ((*key).into(), (*value).into()));
        assert_eq!(span.attributes, expected.collect(), "{name}");
    };
    let http = |method, path, status| {
        [
            ("http.request.method", method),
            ("url.path", path),
            ("url.scheme", "http"),
            ("http.response.status_code", status),
        ]
    };
    let database = |operation| {
        [("db.system.name", "sqlite"), ("db.namespace", "products"), ("db.operation.name", operation)]
    };
    let created =
        [&http("POST", "/products", "503")[..], &[("http.route", "/products"), ("error.type", "503")]];
    check("products", "POST /products", true, &created.concat());
    check(
        "products",
        "write products",
        true,
        &[&database("write")[..], &[("error.type", "_OTHER")]].concat(),
    );
    let found = [&http("GET", "/products/7", "404")[..], &[("http.route", "/products/{id}")]];
    check("products", "GET /products/{id}", false, &found.concat());
    check("products", "read products", false, &database("read"));
    check("orders", "products", false, &[("service.peer.name", "products")]);
    check("payments", "HTTP", false, &http("_OTHER", "/nowhere", "404"));
}

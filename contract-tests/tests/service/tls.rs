//! Services call each other, and a collector, over TLS.

use contract_tests::harness::{store::Store, tls::TlsFrontEnd, waiting};
use serde_json::json;

use crate::{
    PROGRAM,
    traces::{ENDPOINT, collector::Collector},
};

/// The outcome of an order while orders reaches products over TLS, and the log of orders.
fn order(trusts: impl FnOnce(&TlsFrontEnd) -> Vec<(&'static str, String)>) -> (u16, String) {
    let (products, session) = Store::start_with_session(PROGRAM, &[]);
    let product = json!({ "name": "Computer", "price": 200, "stock": 20 });
    session.expect(&session.request("products", "POST", "/products").json(&product), 201, None).unwrap();
    let target = products.deployment().service("products").url.clone();
    let front_end = TlsFrontEnd::start(target.trim_start_matches("http://"));
    let mut settings = trusts(&front_end);
    settings.push(("PRODUCTS_URL", front_end.url.clone()));
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (mut store, session) = Store::start_with_session(PROGRAM, &settings);
    let order = json!({ "product_id": 1, "quantity": 3 });
    let status = session.send(&session.request("orders", "POST", "/orders").json(&order)).unwrap().status;
    (status, store.service("orders").whole_log())
}

#[test]
fn an_upstream_is_called_over_tls() {
    let (status, log) =
        order(|front_end| vec![("SSL_CERT_FILE", front_end.certificate().display().to_string())]);
    assert_eq!(status, 201, "{log}");
}

#[test]
fn an_upstream_whose_certificate_is_not_trusted_gets_no_request() {
    let (status, log) = order(|_| Vec::new());
    assert!(status == 400 && log.contains("invalid peer certificate"), "{status}: {log}");
}

#[test]
fn spans_are_sent_over_tls() {
    for trust in ["SSL_CERT_FILE", "OTEL_EXPORTER_OTLP_CERTIFICATE"] {
        let collector = Collector::start();
        let front_end = TlsFrontEnd::start(collector.url.trim_start_matches("http://"));
        let certificate = front_end.certificate().display().to_string();
        let at_once = ("OTEL_BSP_SCHEDULE_DELAY", "50");
        let settings = [(ENDPOINT, front_end.url.as_str()), (trust, &certificate), at_once];
        let (_store, session) = Store::start_with_session(PROGRAM, &settings);
        session.expect(&session.request("products", "GET", "/products/1"), 404, None).unwrap();
        waiting::until("a span", || !collector.spans().is_empty()).unwrap();
    }
}

#[test]
fn spans_that_are_not_encrypted_need_no_certificates() {
    let collector = Collector::start();
    let settings = [
        (ENDPOINT, collector.url.as_str()),
        ("SSL_CERT_FILE", "/nowhere"),
        ("SSL_CERT_DIR", "/nowhere"),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
    ];
    let (_store, session) = Store::start_with_session(PROGRAM, &settings);
    session.expect(&session.request("products", "GET", "/products/1"), 404, None).unwrap();
    waiting::until("a span", || !collector.spans().is_empty()).unwrap();
}

//! The logs of the services: one line a request, the cause of each failure, and no secret.

use contract_tests::{
    engine::{deployment::SERVICES, exchange::Request, session::Session},
    harness::{
        store::Store,
        upstream::{Echo, FakeUpstream, FaultMode},
    },
};
use serde_json::{Value, json};

use crate::PROGRAM;

/// Sells one computer, with an id of ours on the order.
fn sell(session: &Session) {
    let product = json!({ "name": "Quantum computer", "price": 200, "stock": 20 });
    session.expect(&session.request("products", "POST", "/products").json(&product), 201, None).unwrap();
    let order = session.request("orders", "POST", "/orders").json(&json!({ "product_id": 1, "quantity": 3 }));
    let response = session.expect(&order.header("X-Request-Id", "order-4711"), 201, None).unwrap();
    assert_eq!(response.header("X-Request-Id"), Some("order-4711"));
    let payment = json!({ "order_id": 1, "amount": 200, "method": "secret-card" });
    session.expect(&session.request("payments", "POST", "/payments").json(&payment), 201, None).unwrap();
}

#[test]
fn a_request_has_one_line_with_method_route_status_time_and_id() {
    let (mut store, session) = Store::start_with_session(PROGRAM, &[]);
    sell(&session);
    let log = store.service("orders").whole_log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("order-4711")).collect();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    for part in [
        "orders ",
        " INFO answered method=POST",
        "route=\"/orders\"",
        "status=201",
        "ms=",
        "request_id=",
        "trace_id=",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
}

#[test]
fn the_id_of_a_request_is_known_to_every_service_that_it_leads_to() {
    let (mut store, session) = Store::start_with_session(PROGRAM, &[]);
    sell(&session);
    let log = store.service("products").whole_log();
    let line = log.lines().find(|line| line.contains("order-4711")).expect("the request of orders");
    assert!(line.contains("method=GET route=\"/products/{id}\" status=200"), "{line}");
}

#[test]
fn an_id_that_is_both_of_request_and_trace_is_logged_once() {
    for (format, name) in [("text", " trace_id="), ("json", r#""trace_id":""#)] {
        let (mut store, session) = Store::start_with_session(PROGRAM, &[("LOG_FORMAT", format)]);
        let response = session.expect(&session.request("products", "GET", "/products"), 200, None).unwrap();
        let id = response.header("X-Request-Id").unwrap();
        let log = store.service("products").whole_log();
        let line = log.lines().find(|line| line.contains(id)).expect("the request");
        assert!(line.contains(&format!("{name}{id}")), "{line}");
        assert_eq!(line.matches(id).count(), 1, "{line}");
        assert!(!line.contains("request_id"), "{line}");
    }
}

#[test]
fn probes_are_logged_for_debugging_only() {
    for (level, is_logged) in [("info", false), ("debug", true)] {
        let (mut store, session) = Store::start_with_session(PROGRAM, &[("RUST_LOG", level)]);
        for path in ["/livez", "/readyz", "/metrics", "/docs"] {
            session.expect(&Request::new("products", "GET", path), 200, None).unwrap();
        }
        let log = store.service("products").whole_log();
        assert!(log.contains(" INFO answered method=GET route=\"/docs\""), "{log}");
        for path in ["/livez", "/readyz", "/metrics"] {
            let line = format!("DEBUG answered method=GET route=\"{path}\"");
            assert_eq!(log.contains(&line), is_logged, "{level}: {log}");
            assert!(is_logged || !log.contains(path), "{log}");
        }
    }
}

#[test]
fn the_start_and_the_stop_of_a_service_are_logged() {
    let (mut store, _session) =
        Store::start_with_session(PROGRAM, &[("MAX_REQUESTS", "7"), ("REQUEST_TIMEOUT", "10s")]);
    let address = store.service("products").url().trim_start_matches("http://").to_owned();
    let database = store.database("products");
    let database = database.display();
    store.service("products").signal("TERM");
    assert!(store.service("products").wait().success());
    let log = store.service("products").log();
    let lines: Vec<&str> = log.lines().filter(|line| !line.contains("answered")).collect();
    let [started, stopping, stopped] = &lines[..] else { panic!("{log}") };
    // The harness sets the timeout of bodies.
    let limits = "limits=\"MAX_REQUESTS=7 BODY_TIMEOUT=300ms\"";
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!("started version={version} address={address} database={database} {limits}");
    assert!(started.ends_with(&expected), "{started}");
    assert!(stopping.ends_with("stopping signal=SIGTERM"), "{stopping}");
    assert!(
        stopped.contains("stopped reason=SIGTERM ms=") && stopped.ends_with("unfinished=0 cut=0"),
        "{stopped}"
    );
}

#[test]
fn a_missing_resource_is_not_logged_as_a_failure_of_the_other_service() {
    let (mut store, session) = Store::start_with_session(PROGRAM, &[]);
    let order = json!({ "product_id": 99, "quantity": 3 });
    session.expect(&session.request("orders", "POST", "/orders").json(&order), 400, None).unwrap();
    let payment = json!({ "order_id": 99, "amount": 200, "method": "card" });
    session.expect(&session.request("payments", "POST", "/payments").json(&payment), 400, None).unwrap();
    for service in ["orders", "payments"] {
        let metrics = session.expect(&Request::new(service, "GET", "/metrics"), 200, None).unwrap();
        let metrics = String::from_utf8(metrics.body).unwrap();
        assert!(
            metrics.contains("outcome=\"answered\"") && !metrics.contains("outcome=\"failed\""),
            "{metrics}"
        );
        let log = store.service(service).whole_log();
        assert!(log.contains("status=400") && !log.contains("WARN") && !log.contains("ERROR"), "{log}");
    }
}

#[test]
fn a_malformed_request_id_is_replaced() {
    let (_store, session) = Store::start_with_session(PROGRAM, &[]);
    for id in ["with blanks", "quoted\"", &"x".repeat(129), ""] {
        let request = session.request("products", "GET", "/products").header("X-Request-Id", id);
        let response = session.expect(&request, 200, None).unwrap();
        let given = response.header("X-Request-Id").unwrap();
        assert!(given != id && given.len() == 32, "{given}");
    }
}

#[test]
fn json_logs_have_one_object_per_line() {
    let (mut store, session) = Store::start_with_session(PROGRAM, &[("LOG_FORMAT", "json")]);
    sell(&session);
    for &service in SERVICES.iter() {
        let log = store.service(service).whole_log();
        assert!(!log.is_empty());
        for line in log.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["service"], service);
            assert!(
                line["timestamp"].is_string() && line["level"].is_string() && line["message"].is_string(),
                "{line}"
            );
        }
    }
}

#[test]
fn a_failed_authentication_is_logged_without_the_token() {
    let (mut store, session) = Store::start_with_session(PROGRAM, &[]);
    let unauthenticated = Request::new("products", "GET", "/products").token("stolen-token");
    session.expect(&unauthenticated, 401, None).unwrap();
    let log = store.service("products").whole_log();
    let line = "WARN request failed error=\"Unauthorized\" cause=\"wrong token\" peer=127.0.0.1:";
    assert!(log.contains(line), "{log}");
    assert!(!log.contains("stolen-token"), "{log}");
}

#[test]
fn no_log_level_shows_a_token_or_a_body() {
    let (mut store, session) = Store::start_with_session(PROGRAM, &[("RUST_LOG", "trace")]);
    sell(&session);
    for &service in SERVICES.iter() {
        let log = store.service(service).whole_log();
        assert!(log.contains("answered"), "{service} has logged");
        for secret in [
            "SECRET_PRODUCTS_TOKEN",
            "SECRET_ORDERS_TOKEN",
            "SECRET_PAYMENTS_TOKEN",
            "Quantum",
            "secret-card",
        ] {
            assert!(!log.contains(secret), "{secret} is in the log of {service}");
        }
    }
}

#[test]
fn no_log_level_shows_a_token_that_an_upstream_echoes() {
    for (status, echo) in [(200, Echo::Text), (200, Echo::Json), (200, Echo::BrokenJson), (401, Echo::Json)] {
        let upstream = FakeUpstream::start("", FaultMode::Echoes(status, echo));
        let url = upstream.url();
        let settings = [("RUST_LOG", "trace"), ("PRODUCTS_URL", &url), ("ORDERS_URL", &url)];
        let (mut store, session) = Store::start_with_session(PROGRAM, &settings);
        let order = json!({ "product_id": 1, "quantity": 3 });
        session.expect(&session.request("orders", "POST", "/orders").json(&order), 400, None).unwrap();
        let payment = json!({ "order_id": 1, "amount": 200, "method": "secret-card" });
        session.expect(&session.request("payments", "POST", "/payments").json(&payment), 400, None).unwrap();
        for service in ["orders", "payments"] {
            let log = store.service(service).whole_log();
            assert!(log.contains("request failed"), "{log}");
            for secret in ["SECRET_", "x-request-timeout-ms:", "Bearer"] {
                assert!(!log.contains(secret), "{secret} is in the log of {service}");
            }
        }
    }
}

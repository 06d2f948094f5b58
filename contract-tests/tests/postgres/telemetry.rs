//! Spans and metrics of a service on PostgreSQL.

#[allow(dead_code, reason = "others look at more of a span")]
#[path = "../service/traces/collector.rs"]
mod collector;

use std::thread;

use contract_tests::{
    engine::{exchange::Request, session::Session},
    harness::{metrics::Metrics, store::Store, waiting},
};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;

use self::collector::{Collector, Span};
use crate::PROGRAM;

/// Creates a product, and reads it.
fn create_and_read(session: &Session) {
    let product = json!({ "name": "Computer", "price": 200, "stock": 20 });
    session.expect(&session.request("products", "POST", "/products").json(&product), 201, None).unwrap();
    session.expect(&session.request("products", "GET", "/products/1"), 200, None).unwrap();
}

pub(crate) fn reads_and_writes_are_spans_below_their_requests() {
    let collector = Collector::start();
    let exporting =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
    let mut store = Store::on_postgres(PROGRAM, &exporting);
    create_and_read(&Session::new(store.deployment()));
    let database = store.postgres("products").unwrap().name().to_owned();
    store.service("products").stop();
    let spans = collector.spans();
    for (operation, request) in [("write", "POST /products"), ("read", "GET /products/{id}")] {
        let named = |name: &str| -> &Span {
            spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} in {spans:#?}"))
        };
        let (span, request) = (named(&format!("{operation} {database}")), named(request));
        assert_eq!((&span.parent, span.kind), (&request.id, SpanKind::Client));
        for (name, value) in [
            ("db.system.name", "postgresql"),
            ("db.namespace", database.as_str()),
            ("db.operation.name", operation),
        ] {
            assert_eq!(span.attributes[name], value);
        }
    }
}

pub(crate) fn metrics_tell_of_reads_writes_and_connections() {
    let store = Store::on_postgres(PROGRAM, &[]);
    let session = Session::new(store.deployment());
    create_and_read(&session);
    let response = session.expect(&Request::new("products", "GET", "/metrics"), 200, None).unwrap();
    let metrics = String::from_utf8(response.body).unwrap();
    for line in [
        r#"db_client_operation_duration_seconds_count{db_operation_name="read",service="products"} 1"#,
        r#"db_client_operation_duration_seconds_count{db_operation_name="write",service="products"} 1"#,
        r#"db_client_connection_count{db_client_connection_state="idle",service="products"} 1"#,
        r#"db_client_connection_pending_requests{service="products"} 0"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}

pub(crate) fn a_read_that_hangs_is_seen_while_it_does_and_measured_when_it_is_given_up() {
    let store = Store::on_postgres(PROGRAM, &[]);
    let session = Session::new(store.deployment());
    let mut other = store.postgres("products").unwrap().session();
    other.execute("BEGIN; LOCK TABLE product IN ACCESS EXCLUSIVE MODE");
    let read = session.request("products", "GET", "/products/1").header("X-Request-Timeout-Ms", "1000");
    let sum = |name, label| Metrics::of(&session, "products").unwrap().sum(name, &[label]);
    let used = || sum("db_client_connection_count", "state=\"used\"");
    thread::scope(|scope| {
        let hanging = scope.spawn(|| session.expect(&read, 503, Some("Service unavailable")));
        waiting::until("a connection in use", || used() == 1.0 || hanging.is_finished()).unwrap();
        assert!(!hanging.is_finished(), "it was not seen");
        hanging.join().unwrap().unwrap();
    });
    let reads = || sum("db_client_operation_duration_seconds_count", "name=\"read\"");
    waiting::until("the read to be measured", || reads() == 1.0).unwrap();
    waiting::until("its connection to be given up", || used() == 0.0).unwrap();
    other.execute("ROLLBACK");
}

//! One purchase is one trace over three services: its id is in every log line, and its spans are exported to a collector, which
//! sees no secret and delays no response.

pub(crate) mod collector;
mod variables;

use std::{
    collections::HashSet,
    fs,
    net::TcpListener,
    time::{Duration, Instant},
};

use contract_tests::{
    engine::{deployment::SERVICES, exchange::Request, session::Session},
    harness::{address::Reserved, process::Process, store::Store},
};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;

use self::collector::{Collector, Span};

use crate::PROGRAM;

pub(crate) const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
/// The spans in which a client orders and pays.
const ORDERING: &str = "b7ad6b7169203331";
const PAYING: &str = "00f067aa0ba902b7";

/// Long enough for anything but waiting for a collector.
const AT_ONCE: Duration = Duration::from_secs(2);

impl Collector {
    /// A store that exports to this collector.
    fn store(&self, settings: &[(&str, &str)]) -> (Store, Session) {
        let exporting = [(ENDPOINT, self.url.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
        Store::start_with_session(PROGRAM, &[&exporting, settings].concat())
    }
}

/// Sells one computer; the order and the payment are made in [`TRACE`].
fn sell(session: &Session) {
    let product = json!({ "name": "Quantum computer", "price": 200, "stock": 20 });
    session.expect(&session.request("products", "POST", "/products").json(&product), 201, None).unwrap();
    let order = session.request("orders", "POST", "/orders").json(&json!({ "product_id": 1, "quantity": 3 }));
    session.expect(&in_trace(order, ORDERING), 201, None).unwrap();
    let payment = json!({ "order_id": 1, "amount": 200, "method": "secret-card" });
    let payment = session.request("payments", "POST", "/payments").json(&payment);
    session.expect(&in_trace(payment, PAYING), 201, None).unwrap();
}

fn in_trace(request: Request, parent: &str) -> Request {
    request.header("traceparent", format!("00-{TRACE}-{parent}-01"))
}

/// The services that take part in a purchase.
const SELLERS: [&str; 3] = ["products", "orders", "payments"];

/// What these services have logged, after they were let finish, which is when the last spans are exported.
fn logs(store: &mut Store) -> [String; 3] {
    SELLERS.map(|service| store.service(service).whole_log())
}

fn wait_for<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// What is at `key` in a log line that is text.
fn value<'a>(line: &'a str, key: &str) -> &'a str {
    let (_, rest) = line.split_once(&format!(" {key}=")).unwrap_or_else(|| panic!("no {key} in {line}"));
    rest.split(' ').next().unwrap()
}

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
fn spans_say_what_was_asked_and_answered_and_what_failed() {
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

#[test]
fn a_collector_that_is_down_or_hangs_delays_nothing() {
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let down = Reserved::new();
    for endpoint in [format!("http://{}", hangs.local_addr().unwrap()), down.url()] {
        let (mut store, session) =
            Store::start_with_session(PROGRAM, &[(ENDPOINT, &endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "50")]);
        let began = Instant::now();
        sell(&session);
        assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
        for &service in SERVICES.iter() {
            let began = Instant::now();
            assert!(store.service(service).stop().success(), "{service}");
            assert!(began.elapsed() < AT_ONCE, "{service} took {:?}", began.elapsed());
            let log = store.service(service).log();
            assert!(log.contains("BatchSpanProcessor"), "{log}");
        }
    }
}

#[test]
fn without_an_endpoint_nothing_exports() {
    let collector = Collector::start();
    let exporters = |settings: &[(&str, &str)]| {
        let (store, session) = Store::start_with_session(PROGRAM, settings);
        sell(&session);
        let threads = |process: &Process| {
            fs::read_dir(format!("/proc/{}/task", process.id()))
                .unwrap()
                .map(|task| fs::read_to_string(task.unwrap().path().join("comm")).unwrap_or_default())
                .collect::<Vec<_>>()
        };
        let all = store.services.iter().flat_map(threads);
        all.filter(|name| name.starts_with("OpenTelemetry") || name.starts_with("reqwest")).count()
    };
    assert_eq!(exporters(&[]), 0);
    assert_eq!(exporters(&[(ENDPOINT, "")]), 0);
    assert_eq!(exporters(&[(ENDPOINT, &collector.url)]), 2 * SERVICES.len());
}

#[test]
fn no_token_and_no_body_is_exported() {
    let collector = Collector::start();
    let (mut store, session) = collector.store(&[]);
    sell(&session);
    session.expect(&Request::new("products", "GET", "/products").token("stolen-token"), 401, None).unwrap();
    logs(&mut store);
    let received = collector.received.lock().unwrap();
    let exported: String = received
        .iter()
        .map(|received| format!("{}{}", received.head, String::from_utf8_lossy(&received.body)))
        .collect();
    assert!(exported.contains("POST /payments"), "{exported}");
    for secret in ["SECRET_", "Bearer", "stolen-token", "Quantum", "secret-card"] {
        assert!(!exported.contains(secret), "{secret} is exported");
    }
}

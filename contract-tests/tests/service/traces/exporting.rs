//! What is exported, what is never exported, and that nothing waits for the export.

use std::{
    fs,
    net::TcpListener,
    time::{Duration, Instant},
};

use contract_tests::{
    engine::{deployment::SERVICES, exchange::Request},
    harness::{address::Reserved, process::Process, store::Store},
};

use super::{ENDPOINT, collector::Collector, logs, sell};
use crate::PROGRAM;

/// Long enough on a busy machine for anything but waiting for a collector, which would take a minute.
const NO_WAIT: Duration = Duration::from_secs(30);

#[test]
fn a_collector_that_is_down_or_hangs_delays_nothing() {
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let down = Reserved::new();
    for endpoint in [format!("http://{}", hangs.local_addr().unwrap()), down.url()] {
        let settings = [
            (ENDPOINT, endpoint.as_str()),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "60000"),
        ];
        let (mut store, session) = Store::start_with_session(PROGRAM, &settings);
        let began = Instant::now();
        sell(&session);
        assert!(began.elapsed() < NO_WAIT, "{:?}", began.elapsed());
        for &service in SERVICES.iter() {
            let began = Instant::now();
            assert!(store.service(service).stop().success(), "{service}");
            assert!(began.elapsed() < NO_WAIT, "{service} took {:?}", began.elapsed());
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

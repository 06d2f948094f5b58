//! The variables of OpenTelemetry: each is honoured, or refused at the start in a sentence that names it.

use std::{collections::HashSet, io::Read, net::TcpListener};

use contract_tests::{
    engine::session::Session,
    harness::{folders::new_folder, process::run_once, store::Store},
};
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde_json::json;

use super::{ENDPOINT, ORDERING, TRACE, collector::Collector, logs, sell};
use crate::PROGRAM;

/// The heads of what a store with these settings sends to the collector at `url`, once it has sold something and ended.
fn heads(collector: &Collector, settings: &[(&str, &str)]) -> Vec<String> {
    let (mut store, session) = Store::start_with_session(PROGRAM, settings);
    sell(&session);
    logs(&mut store);
    drop((store, session));
    let received = std::mem::take(&mut *collector.received.lock().unwrap());
    received.into_iter().map(|received| received.head).collect()
}

/// An order for which products is asked, with these headers. Returns the head of the request to products.
fn order(session: &Session, upstream: &Collector, headers: &[(&str, &str)]) -> String {
    let order = session.request("orders", "POST", "/orders").json(&json!({ "product_id": 1, "quantity": 3 }));
    let order = headers.iter().fold(order, |order, (name, value)| order.header(name, *value));
    session.expect(&order, 400, Some("Product not found or unavailable")).unwrap();
    upstream.received.lock().unwrap().pop().unwrap().head
}

fn parent(flags: &str) -> String {
    format!("00-{TRACE}-{ORDERING}-{flags}")
}

#[test]
fn an_unsupported_value_is_refused_with_a_sentence_that_names_it() {
    let secret = "authorization=Bearer 4711\u{7f}";
    for (variable, value) in [
        (ENDPOINT, "ftp://127.0.0.1:4318"),
        (ENDPOINT, "127.0.0.1:4318"),
        (ENDPOINT, "http://"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "/v1/traces"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_HEADERS", secret),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "4711"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gz"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/etc/ca.pem"),
        ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "/etc/ca.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/etc/key.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/etc/client.pem"),
        ("OTEL_SDK_DISABLED", "yes"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_TRACES_EXPORTER", "otlp,console"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
        ("OTEL_TRACES_SAMPLER_ARG", "NaN"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "-1"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "18446744073709551615"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2049"),
        ("OTEL_RESOURCE_ATTRIBUTES", "production"),
        ("OTEL_PROPAGATORS", "tracecontext,b3"),
    ] {
        let folder = new_folder();
        let mut settings = vec![("DATA_DIR", folder.path().to_str().unwrap()), (variable, value)];
        if variable != ENDPOINT {
            settings.push((ENDPOINT, "http://127.0.0.1:9"));
        }
        if variable.ends_with("_ARG") {
            settings.push(("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"));
        }
        let output = run_once(PROGRAM, "products", &settings);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{variable}={value}: {said}");
        assert!(said.contains(&format!("products: {variable} is wrong (")), "{variable}={value}: {said}");
        assert!(said.trim_end().lines().count() == 1 && !said.contains("4711"), "{variable}={value}: {said}");
    }
}

#[test]
fn variables_of_disabled_features_are_not_read() {
    for off in [("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_TRACES_EXPORTER", "none")] {
        let folder = new_folder();
        let wrong = [("DATA_DIR", folder.path().to_str().unwrap()), (ENDPOINT, "nowhere"), off];
        let output = run_once(PROGRAM, "products", &wrong);
        assert!(output.status.success(), "{off:?}: {}", String::from_utf8_lossy(&output.stderr));
        let collector = Collector::start();
        assert_eq!(heads(&collector, &[(ENDPOINT, &collector.url), off]), [""; 0], "{off:?}");
    }
}

#[test]
fn the_address_for_traces_is_complete_and_comes_first() {
    let collector = Collector::start();
    let complete = format!("{}/from/here", collector.url);
    let all = heads(
        &collector,
        &[(ENDPOINT, "http://127.0.0.1:9"), ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &complete)],
    );
    assert!(!all.is_empty() && all.iter().all(|head| head.starts_with("POST /from/here ")), "{all:?}");
    let folder = format!("{}/otlp/", collector.url);
    let all = heads(&collector, &[(ENDPOINT, &folder), ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")]);
    assert!(!all.is_empty() && all.iter().all(|head| head.starts_with("POST /otlp/v1/traces ")), "{all:?}");
}

#[test]
fn headers_are_sent_and_those_for_traces_come_first() {
    let collector = Collector::start();
    let general = ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=general, x-encoded=a%20b%2Cc");
    for (of_traces, sent) in
        [("", "\r\nx-encoded: a b,c\r\n"), ("x-tenant=traces", "\r\nx-tenant: traces\r\n")]
    {
        let settings =
            [(ENDPOINT, collector.url.as_str()), general, ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", of_traces)];
        let all = heads(&collector, &settings);
        assert!(!all.is_empty() && all.iter().all(|head| head.contains(sent)), "{all:?}");
        assert_eq!(all[0].contains("general"), of_traces.is_empty(), "{all:?}");
    }
}

#[test]
fn spans_are_compressed_if_it_is_asked_for() {
    let collector = Collector::start();
    for (value, is_compressed) in [("none", false), ("gzip", true)] {
        let settings = [(ENDPOINT, collector.url.as_str()), ("OTEL_EXPORTER_OTLP_COMPRESSION", value)];
        let (mut store, session) = Store::start_with_session(PROGRAM, &settings);
        sell(&session);
        logs(&mut store);
        for received in std::mem::take(&mut *collector.received.lock().unwrap()) {
            assert_eq!(
                received.head.contains("\r\ncontent-encoding: gzip\r\n"),
                is_compressed,
                "{}",
                received.head
            );
            let mut body = Vec::new();
            match is_compressed {
                true => drop(GzDecoder::new(received.body.as_slice()).read_to_end(&mut body).unwrap()),
                false => body = received.body,
            }
            assert!(!ExportTraceServiceRequest::decode(body.as_slice()).unwrap().resource_spans.is_empty());
        }
    }
}

#[test]
fn a_collector_is_waited_for_no_longer_than_is_set() {
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", hangs.local_addr().unwrap());
    // The others are longer than anything is waited for here.
    const LONG: &str = "600000";
    for timeouts in [
        [("OTEL_EXPORTER_OTLP_TIMEOUT", "100"), ("OTEL_BSP_EXPORT_TIMEOUT", LONG)],
        [("OTEL_EXPORTER_OTLP_TIMEOUT", LONG), ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "100")],
        [("OTEL_EXPORTER_OTLP_TIMEOUT", LONG), ("OTEL_BSP_EXPORT_TIMEOUT", "100")],
    ] {
        let settings = [(ENDPOINT, url.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
        let (mut store, session) = Store::start_with_session(PROGRAM, &[&settings[..], &timeouts].concat());
        sell(&session);
        store.service("products").wait_for_log("BatchSpanProcessor");
    }
}

#[test]
fn spans_name_their_service_as_it_is_set() {
    let collector = Collector::start();
    let attributes =
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test%20bed, service.name=shop");
    for (name, service) in [("", "shop"), ("the-store", "the-store")] {
        let settings = [(ENDPOINT, collector.url.as_str()), attributes, ("OTEL_SERVICE_NAME", name)];
        let (mut store, session) = Store::start_with_session(PROGRAM, &settings);
        sell(&session);
        logs(&mut store);
        let spans = collector.spans();
        collector.received.lock().unwrap().clear();
        assert!(!spans.is_empty());
        for span in spans {
            assert_eq!(span.resource["service.name"], service);
            assert_eq!(span.resource["deployment.environment.name"], "test bed");
        }
    }
}

#[test]
fn the_caller_and_the_sampler_decide_what_is_exported_and_the_context_is_passed_on() {
    // A sampler, the flags of the caller (none without a trace), and the flags for products, which are 01 if spans are exported.
    for (sampler, argument, caller, passed_on) in [
        ("", "", "00", "00"),
        ("", "", "01", "01"),
        ("", "", "", "01"),
        ("always_on", "", "00", "01"),
        ("always_off", "", "01", "00"),
        ("parentbased_always_off", "", "", "00"),
        ("parentbased_always_off", "", "01", "01"),
        ("traceidratio", "0", "01", "00"),
        ("parentbased_traceidratio", "0", "", "00"),
        ("parentbased_traceidratio", "0", "01", "01"),
        ("parentbased_traceidratio", "1.0", "", "01"),
    ] {
        let case = format!("{sampler} {argument} after {caller}");
        let (collector, upstream) = (Collector::start(), Collector::start());
        let (mut store, session) = Store::start_with_session(
            PROGRAM,
            &[
                (ENDPOINT, &collector.url),
                ("PRODUCTS_URL", &upstream.url),
                ("OTEL_TRACES_SAMPLER", sampler),
                ("OTEL_TRACES_SAMPLER_ARG", argument),
            ],
        );
        let parent = parent(caller);
        let headers = [("traceparent", parent.as_str())];
        let head = order(&session, &upstream, if caller.is_empty() { &[] } else { &headers });
        let (_, context) = head.split_once("\r\ntraceparent: 00-").expect(&head);
        let context = context.lines().next().unwrap();
        assert!(caller.is_empty() || context.starts_with(TRACE), "{case}: {head}");
        assert!(context.ends_with(&format!("-{passed_on}")), "{case}: {head}");
        logs(&mut store);
        let exported: HashSet<String> = collector.spans().into_iter().map(|span| span.trace).collect();
        assert_eq!(exported.contains(&context[..32]), passed_on == "01", "{case}: {exported:?}");
    }
}

#[test]
fn only_the_chosen_propagators_are_used() {
    let upstream = Collector::start();
    let given = parent("01");
    let headers = [("traceparent", given.as_str()), ("tracestate", "a=b"), ("baggage", "user=7")];
    for (propagators, has_trace, has_baggage) in [
        ("", true, false),
        ("tracecontext", true, false),
        ("baggage", false, true),
        ("tracecontext, baggage", true, true),
        ("none", false, false),
    ] {
        let settings = [("PRODUCTS_URL", upstream.url.as_str()), ("OTEL_PROPAGATORS", propagators)];
        let (mut store, session) = Store::start_with_session(PROGRAM, &settings);
        let head = order(&session, &upstream, &headers);
        assert_eq!(head.contains("\r\ntraceparent: "), has_trace, "{propagators}: {head}");
        assert_eq!(head.contains("\r\ntracestate: a=b\r\n"), has_trace, "{propagators}: {head}");
        assert_eq!(head.contains("\r\nbaggage: user=7\r\n"), has_baggage, "{propagators}: {head}");
        let log = store.service("orders").whole_log();
        assert_eq!(log.contains(TRACE), has_trace, "{propagators}: {log}");
    }
}

#[test]
fn exporting_can_be_asked_for_without_an_address() {
    // The default address is that of a collector on this machine; there is none, or it takes what it is sent.
    let settings = [("OTEL_TRACES_EXPORTER", "otlp"), ("OTEL_TRACES_SAMPLER", "always_on")];
    let upstream = Collector::start();
    let (_store, session) =
        Store::start_with_session(PROGRAM, &[&settings[..], &[("PRODUCTS_URL", &upstream.url)]].concat());
    let head = order(&session, &upstream, &[]);
    let (_, context) = head.split_once("\r\ntraceparent: ").expect(&head);
    assert!(context.lines().next().unwrap().ends_with("-01"), "{head}");
}

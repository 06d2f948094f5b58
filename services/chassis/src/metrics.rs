//! What a running service counts, for `/metrics`.
//!
//! Names and labels follow OpenTelemetry where it has some (<https://opentelemetry.io/docs/specs/semconv/http/http-metrics/>), written as
//! Prometheus has them (<https://prometheus.io/docs/practices/naming/>). A process is one service, so its metrics are there once.

use std::{sync::LazyLock, time::Duration};

use poem::http::{Method, StatusCode};
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder, core::Collector,
};

/// The media type of what [`text`] writes.
pub(crate) const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// The bounds of the buckets of durations, in seconds: finer than those that the conventions advise, which begin at 5 ms.
const SECONDS: [f64; 15] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The bounds of the buckets of how many writes one commit takes along.
const WRITES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// What is said of a method that HTTP does not know, so that callers cannot make up labels, and of a failure without a name.
pub(crate) const OTHER: &str = "_OTHER";

static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

struct Metrics {
    registry: Registry,
    build: IntGaugeVec,
    requests: HistogramVec,
    under_way: IntGauge,
    refused: IntCounter,
    parse_errors: IntCounterVec,
    broken: IntCounter,
    evicted: IntCounter,
    calls: HistogramVec,
    waiting: IntGauge,
    reads: IntCounter,
    commits: Histogram,
    group: Histogram,
}

impl Metrics {
    fn new() -> Self {
        let registry = Registry::new();
        let histogram = |name, help, labels: &[&str], bounds: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(bounds.to_vec());
            add(&registry, HistogramVec::new(options, labels))
        };
        let one = |histogram: &HistogramVec| histogram.with_label_values::<&str>(&[]);
        Self {
            build: add(
                &registry,
                IntGaugeVec::new(Opts::new("build_info", "Which service this is."), &["service", "version"]),
            ),
            requests: histogram(
                "http_server_request_duration_seconds",
                "How long requests took, by operation and status.",
                &["http_request_method", "http_route", "http_response_status_code"],
                &SECONDS,
            ),
            under_way: add(
                &registry,
                IntGauge::new("http_server_active_requests", "Requests that are worked on."),
            ),
            refused: add(
                &registry,
                IntCounter::new(
                    "http_server_refused_requests_total",
                    "Requests that were refused since there were too many.",
                ),
            ),
            parse_errors: add(
                &registry,
                IntCounterVec::new(
                    Opts::new(
                        "http_server_parse_errors_total",
                        "What came and was no HTTP request, by status.",
                    ),
                    &["http_response_status_code"],
                ),
            ),
            broken: add(
                &registry,
                IntCounter::new(
                    "http_server_broken_responses_total",
                    "Responses that broke off before their end.",
                ),
            ),
            evicted: add(
                &registry,
                IntCounter::new(
                    "http_server_evicted_connections_total",
                    "Idle connections that were closed to make room for others.",
                ),
            ),
            calls: histogram(
                "http_client_request_duration_seconds",
                "How long calls to other services took, by outcome.",
                &["service_peer_name", "outcome"],
                &SECONDS,
            ),
            waiting: add(
                &registry,
                IntGauge::new("http_client_active_requests", "Requests that wait for another service."),
            ),
            reads: add(&registry, IntCounter::new("sqlite_reads_total", "How often the database was read.")),
            commits: one(&histogram(
                "sqlite_commit_duration_seconds",
                "How long transactions took that write, from their beginning to the disk.",
                &[],
                &SECONDS,
            )),
            group: one(&histogram(
                "sqlite_commit_writes",
                "How many writes one transaction took along.",
                &[],
                &WRITES,
            )),
            registry,
        }
    }
}

/// Takes a metric into the registry. Metrics are fixed, so one that is described wrongly fails the first test that is run.
fn add<T: Collector + Clone + 'static>(registry: &Registry, metric: prometheus::Result<T>) -> T {
    let added = metric.and_then(|metric| registry.register(Box::new(metric.clone())).map(|()| metric));
    added.unwrap_or_else(|error| panic!("a metric that is described wrongly: {error}"))
}

/// Says which service this is.
pub(crate) fn introduce(service: &str) {
    METRICS.build.with_label_values(&[service, env!("CARGO_PKG_VERSION")]).set(1);
    for status in ["400", "414", "431", "none"] {
        METRICS.parse_errors.with_label_values(&[status]).reset();
    }
}

/// Counts a request that was answered.
pub(crate) fn count_request(method: &Method, route: &str, status: StatusCode, took: Duration) {
    METRICS.requests.with_label_values(&[shown(method), route, status.as_str()]).observe(took.as_secs_f64());
}

/// A method as the conventions have it.
pub(crate) fn shown(method: &Method) -> &str {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::DELETE | Method::PATCH => {
            method.as_str()
        }
        Method::OPTIONS | Method::TRACE | Method::CONNECT => method.as_str(),
        _ => OTHER,
    }
}

/// Counts a request that was refused since there were too many.
pub(crate) fn count_refused() {
    METRICS.refused.inc();
}

/// Counts what came and was no request, though it may have got an answer with `status`.
pub(crate) fn count_parse_error(status: &str) {
    METRICS.parse_errors.with_label_values(&[status]).inc();
}

/// Counts requests that begin to wait for another service, or cease to if there are less than none.
pub(crate) fn count_waiting(requests: i64) {
    METRICS.waiting.add(requests);
}

/// Counts a response that broke off before its end.
pub(crate) fn count_broken() {
    METRICS.broken.inc();
}

/// Counts an idle connection that was closed to make room for another.
pub(crate) fn count_evicted() {
    METRICS.evicted.inc();
}

/// Counts a call to another service.
pub(crate) fn count_call(neighbour: &str, succeeded: bool, took: Duration) {
    let outcome = if succeeded { "answered" } else { "failed" };
    METRICS.calls.with_label_values(&[neighbour, outcome]).observe(took.as_secs_f64());
}

/// Counts a use of the database that reads.
pub(crate) fn count_read() {
    METRICS.reads.inc();
}

/// Counts a transaction that took `writes` along.
pub(crate) fn count_commit(writes: usize, took: Duration) {
    METRICS.commits.observe(took.as_secs_f64());
    METRICS.group.observe(writes as f64);
}

/// All metrics in the text format of Prometheus (<https://prometheus.io/docs/instrumenting/exposition_formats/>), while
/// `under_way` requests are worked on.
pub(crate) fn text(under_way: usize) -> String {
    METRICS.under_way.set(under_way as i64);
    TextEncoder::new().encode_to_string(&METRICS.registry.gather()).unwrap_or_default()
}

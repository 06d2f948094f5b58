//! What a running service counts, for `/metrics`.
//!
//! Names and labels follow OpenTelemetry's semantic conventions if there are any
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-metrics/>), in the format of Prometheus
//! (<https://prometheus.io/docs/practices/naming/>). Each series has its service as a label, so that one job can scrape all
//! services: `job` and `instance` belong to the configuration of Prometheus, and queries should not have to join `target_info`.

use std::{
    collections::HashMap,
    sync::{LazyLock, OnceLock},
    time::Duration,
};

use poem::http::{Method, StatusCode};
use prometheus::{
    Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
    register_histogram_vec_with_registry, register_histogram_with_registry,
    register_int_counter_vec_with_registry, register_int_counter_with_registry,
    register_int_gauge_vec_with_registry, register_int_gauge_with_registry,
};

/// The media type of what [`text`] writes.
pub(crate) const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// The bounds of the buckets of durations, in seconds: finer than those that the conventions advise, which begin at 5 ms.
const SECONDS: [f64; 15] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The bounds of the buckets of how many writes one commit takes along.
const WRITES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// The label of methods that HTTP does not know, so that callers cannot make up labels, and of failures without a name.
pub(crate) const OTHER: &str = "_OTHER";

/// The name of this service.
static SERVICE: OnceLock<&str> = OnceLock::new();

#[expect(clippy::expect_used, reason = "descriptions are fixed, so the first test finds a wrong one")]
static METRICS: LazyLock<Metrics> =
    LazyLock::new(|| Metrics::register().expect("metrics with right descriptions"));

struct Metrics {
    registry: Registry,
    build: IntGaugeVec,
    requests: HistogramVec,
    in_flight: IntGauge,
    refused: IntCounter,
    parse_errors: IntCounterVec,
    aborted: IntCounter,
    evicted: IntCounter,
    calls: HistogramVec,
    shared: IntCounterVec,
    waiting: IntGauge,
    reads: IntCounter,
    commits: Histogram,
    group: Histogram,
}

impl Metrics {
    fn register() -> prometheus::Result<Self> {
        let service = SERVICE.get().map(|name| ("service".to_owned(), (*name).to_owned()));
        let registry = Registry::new_custom(None, Some(HashMap::from_iter(service)))?;
        // CPU, memory, threads, descriptors and the start, by the names that Prometheus has for them.
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Self {
            build: register_int_gauge_vec_with_registry!(
                "build_info",
                "The version of the service.",
                &["version"],
                registry
            )?,
            requests: register_histogram_vec_with_registry!(
                "http_server_request_duration_seconds",
                "Duration of requests, by operation and status.",
                &["http_request_method", "http_route", "http_response_status_code"],
                SECONDS.to_vec(),
                registry
            )?,
            in_flight: register_int_gauge_with_registry!(
                "http_server_active_requests",
                "Requests in flight.",
                registry
            )?,
            refused: register_int_counter_with_registry!(
                "http_server_refused_requests_total",
                "Requests refused because the service was at its limit.",
                registry
            )?,
            parse_errors: register_int_counter_vec_with_registry!(
                "http_server_parse_errors_total",
                "Input that was not an HTTP request, by the status of the response.",
                &["http_response_status_code"],
                registry
            )?,
            aborted: register_int_counter_with_registry!(
                "http_server_broken_responses_total",
                "Responses that were aborted before their end.",
                registry
            )?,
            evicted: register_int_counter_with_registry!(
                "http_server_evicted_connections_total",
                "Idle connections closed to make room for new ones.",
                registry
            )?,
            calls: register_histogram_vec_with_registry!(
                "http_client_request_duration_seconds",
                "Duration of calls to other services, by outcome.",
                &["service_peer_name", "outcome"],
                SECONDS.to_vec(),
                registry
            )?,
            shared: register_int_counter_vec_with_registry!(
                "http_client_shared_requests_total",
                "Calls to other services that joined the read of another request.",
                &["service_peer_name"],
                registry
            )?,
            waiting: register_int_gauge_with_registry!(
                "http_client_active_requests",
                "Requests that wait for another service.",
                registry
            )?,
            reads: register_int_counter_with_registry!(
                "sqlite_reads_total",
                "Reads of the database.",
                registry
            )?,
            commits: register_histogram_with_registry!(
                "sqlite_commit_duration_seconds",
                "Duration of write transactions, from BEGIN to the disk.",
                SECONDS.to_vec(),
                registry
            )?,
            group: register_histogram_with_registry!(
                "sqlite_commit_writes",
                "Writes in one transaction.",
                WRITES.to_vec(),
                registry
            )?,
            registry,
        })
    }
}

/// Where a service registers metrics of its own, after it has started.
pub fn registry() -> &'static Registry {
    &METRICS.registry
}

/// From now on, metrics are those of `service`. To be called before anything is counted.
pub(crate) fn start(service: &'static str) {
    let _ = SERVICE.set(service);
    METRICS.build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    for status in ["400", "414", "431", "none"] {
        METRICS.parse_errors.with_label_values(&[status]).reset();
    }
}

/// Records a request and its latency.
pub(crate) fn record_request(method: &Method, route: &str, status: StatusCode, latency: Duration) {
    METRICS
        .requests
        .with_label_values(&[method_label(method), route, status.as_str()])
        .observe(latency.as_secs_f64());
}

/// The label of a method, as the conventions have it.
pub(crate) fn method_label(method: &Method) -> &str {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::DELETE | Method::PATCH => {
            method.as_str()
        }
        Method::OPTIONS | Method::TRACE | Method::CONNECT => method.as_str(),
        _ => OTHER,
    }
}

/// Counts a request that was refused because the service was at its limit.
pub(crate) fn count_refused() {
    METRICS.refused.inc();
}

/// Counts input that was not an HTTP request. `status` is that of the response, or `none`.
pub(crate) fn count_parse_error(status: &str) {
    METRICS.parse_errors.with_label_values(&[status]).inc();
}

/// Adds to the number of requests that wait for another service.
pub(crate) fn count_waiting(requests: i64) {
    METRICS.waiting.add(requests);
}

/// Counts a response that was aborted before its end.
pub(crate) fn count_aborted() {
    METRICS.aborted.inc();
}

/// Counts an idle connection that was closed to make room for a new one.
pub(crate) fn count_evicted() {
    METRICS.evicted.inc();
}

/// Records a call to another service and its latency.
pub(crate) fn record_call(upstream: &str, succeeded: bool, latency: Duration) {
    let outcome = if succeeded { "answered" } else { "failed" };
    METRICS.calls.with_label_values(&[upstream, outcome]).observe(latency.as_secs_f64());
}

/// Counts calls to another service that joined the read of another request.
pub(crate) fn count_shared(upstream: &str, calls: u64) {
    METRICS.shared.with_label_values(&[upstream]).inc_by(calls);
}

/// Counts a read of the database.
pub(crate) fn count_read() {
    METRICS.reads.inc();
}

/// Records a transaction with `writes` writes and its latency.
pub(crate) fn record_commit(writes: usize, latency: Duration) {
    METRICS.commits.observe(latency.as_secs_f64());
    METRICS.group.observe(writes as f64);
}

/// The metrics of a PostgreSQL, which only a service with one shows. Names follow the conventions for databases
/// (<https://opentelemetry.io/docs/specs/semconv/database/database-metrics/>).
#[expect(clippy::expect_used, reason = "descriptions are fixed, so the first test finds a wrong one")]
static POSTGRES: LazyLock<PostgresMetrics> =
    LazyLock::new(|| PostgresMetrics::register().expect("metrics with right descriptions"));

struct PostgresMetrics {
    operations: HistogramVec,
    connections: IntGaugeVec,
    waiting: IntGauge,
}

impl PostgresMetrics {
    fn register() -> prometheus::Result<Self> {
        let registry = registry();
        Ok(Self {
            operations: register_histogram_vec_with_registry!(
                "db_client_operation_duration_seconds",
                "Duration of reads and writes of the database, with the wait for a connection.",
                &["db_operation_name"],
                SECONDS.to_vec(),
                registry
            )?,
            connections: register_int_gauge_vec_with_registry!(
                "db_client_connection_count",
                "Connections to the database.",
                &["db_client_connection_state"],
                registry
            )?,
            waiting: register_int_gauge_with_registry!(
                "db_client_connection_pending_requests",
                "Requests that wait for a connection to the database.",
                registry
            )?,
        })
    }
}

/// Records a read or a write of a PostgreSQL, with the wait for a connection.
pub(crate) fn record_database_operation(operation: &str, latency: Duration) {
    POSTGRES.operations.with_label_values(&[operation]).observe(latency.as_secs_f64());
}

/// Shows how many connections there are, and how many requests wait for one.
pub(crate) fn set_database_connections(idle: usize, used: usize, waiting: usize) {
    POSTGRES.connections.with_label_values(&["idle"]).set(idle as i64);
    POSTGRES.connections.with_label_values(&["used"]).set(used as i64);
    POSTGRES.waiting.set(waiting as i64);
}

/// All metrics in the text format of Prometheus (<https://prometheus.io/docs/instrumenting/exposition_formats/>), with
/// `in_flight` requests in flight.
#[expect(clippy::expect_used, reason = "only a metric without a name or a sample cannot be written")]
pub(crate) fn text(in_flight: usize) -> String {
    METRICS.in_flight.set(in_flight as i64);
    TextEncoder::new().encode_to_string(&METRICS.registry.gather()).expect("metrics as text")
}

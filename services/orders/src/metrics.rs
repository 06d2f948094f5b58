//! The metrics that only the orders service has.

use std::sync::LazyLock;

use chassis::telemetry::metrics;
use prometheus::{
    IntCounterVec, IntGauge, register_int_counter_vec_with_registry, register_int_gauge_with_registry,
};

#[expect(clippy::expect_used, reason = "descriptions are fixed, so the first test finds a wrong one")]
static METRICS: LazyLock<Metrics> =
    LazyLock::new(|| Metrics::register().expect("metrics with right descriptions"));

struct Metrics {
    open: IntGauge,
    settled: IntCounterVec,
}

/// The outcome of an intent whose stock was given back.
pub(crate) const GIVEN_BACK: &str = "given_back";

/// The outcome of an intent that had taken no stock.
pub(crate) const NOTHING_TAKEN: &str = "nothing_taken";

impl Metrics {
    fn register() -> prometheus::Result<Self> {
        let registry = metrics::registry();
        let metrics = Self {
            open: register_int_gauge_with_registry!(
                "intents_open",
                "Intents without an order whose reservations are not released yet.",
                registry
            )?,
            settled: register_int_counter_vec_with_registry!(
                "intents_settled_total",
                "Settled intents without an order, by the outcome of their release.",
                &["outcome"],
                registry
            )?,
        };
        for outcome in [GIVEN_BACK, NOTHING_TAKEN] {
            metrics.settled.with_label_values(&[outcome]).reset();
        }
        Ok(metrics)
    }
}

/// Shows how many intents wait to be settled.
pub(crate) fn set_open(intents: i64) {
    METRICS.open.set(intents);
}

/// Counts an intent that is settled.
pub(crate) fn count_settled(outcome: &str) {
    METRICS.settled.with_label_values(&[outcome]).inc();
}

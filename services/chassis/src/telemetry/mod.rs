//! Telemetry for operators: log lines, metrics, and traces.

pub mod log;
pub(crate) mod trace;
pub mod metrics;

//! Load for benchmarks: which requests are sent, and how.

pub mod work;
pub mod drive;

//! Load, for benchmarks: what is asked, and how.

pub mod drive;
pub mod work;

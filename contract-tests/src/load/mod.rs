//! Load, for benchmarks: what is asked, and how.

pub mod work;
pub mod drive;

//! What is said of this store in particular: its properties, its faults, and what is recorded of it.

pub mod faults;
pub mod stock;
pub mod specmatic;
pub mod examples;

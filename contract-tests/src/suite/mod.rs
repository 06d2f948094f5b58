//! The suite of this store: its properties, the faults that must be noticed, and what is recorded of it.

pub mod faults;
pub mod stock;
pub mod judged;
pub mod specmatic;
pub mod examples;

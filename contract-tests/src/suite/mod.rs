//! The suite of this store: its properties, the faults that must be noticed, what is recorded of it, and whom a change of it breaks.

pub mod faults;
pub mod stock;
pub mod judged;
pub mod compatibility;
pub mod truer;
pub mod specmatic;
pub mod examples;

//! The suite of this store: properties, faults that must be noticed, recordings, and the callers that a change breaks.

pub mod faults;
pub mod stock;
pub mod judged;
pub mod compatibility;
pub mod truer;
pub mod specmatic;
pub mod examples;

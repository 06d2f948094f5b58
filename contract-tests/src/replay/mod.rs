//! The replay: every documented request, and its exact answer.
//!
//! [`workflows`] plays `openapi/store.arazzo.yaml`. [`shared`] are the cases that every operation has because of what it is,
//! made from the documents, so that a new operation is judged without anyone remembering it, and [`promises`] those that take
//! more than one request. [`situations`] sees to what has
//! to be so for some answers.

mod bodies;
mod parameters;
pub mod promises;
pub mod shared;
pub mod situations;
pub mod workflows;

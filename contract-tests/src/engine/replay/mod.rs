//! The replay: every documented request, and its exact response.
//!
//! [`workflows`] plays an Arazzo description. [`cases`] makes the cases that every operation has from the documents, so
//! that a new operation is judged without anyone remembering it. [`promises`] are those that take more than one request, and
//! [`situations`] those that need a service in a certain state.

pub mod promises;
mod items;
pub mod situations;
pub mod cases;
mod bodies;
mod wrong;
mod limits;
pub mod case;
mod parameters;
pub mod workflows;
pub mod label;

#[cfg(test)]
mod tests;

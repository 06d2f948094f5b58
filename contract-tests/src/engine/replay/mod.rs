//! The replay: every documented request, and its exact response.
//!
//! [`workflows`] runs an Arazzo description. [`cases`] generates the cases of every operation from the documents, so that a new
//! operation is tested automatically. [`promises`] need more than one request to check, and [`situations`] need a service in a
//! certain state.

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

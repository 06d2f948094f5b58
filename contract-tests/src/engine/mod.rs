//! The engine reads a contract, sends requests, and validates and records the responses. It starts nothing, and knows no service.

pub mod compatibility;
pub mod checks;
pub mod replay;
pub mod property;
pub mod faults;
pub mod edges;
pub mod session;
mod repeat;
pub(crate) mod raw;
pub mod connection;
mod judge;
pub mod ledger;
pub mod unjudged;
pub mod facets;
mod limits;
pub mod contract;
mod sent;
mod example;
pub mod documented;
pub mod security;
#[cfg(test)]
mod made_up;
pub mod failure;
pub mod exchange;
pub(crate) mod tls;
pub mod deployment;
pub mod subject;
pub mod profile;
pub mod openapi;
pub(crate) mod schema;

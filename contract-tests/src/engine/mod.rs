//! The engine: it reads a contract, sends requests, judges the answers and remembers them. It starts nothing.

pub mod compatibility;
pub mod truer;
pub mod replay;
pub mod property;
pub mod faults;
pub mod edges;
pub mod session;
mod judge;
pub mod ledger;
pub mod facets;
mod limits;
pub mod contract;
mod schema;
#[cfg(test)]
mod made_up;
pub mod exchange;
pub mod deployment;

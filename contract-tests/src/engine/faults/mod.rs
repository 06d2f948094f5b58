//! The parts that faults are made of: ways in which requests and responses can be altered.

pub(crate) mod answers;
pub(crate) mod requests;
pub(crate) mod json;
pub mod fault;

//! What faults are made of: ways in which a service can alter requests and answers.

pub(crate) mod answers;
pub(crate) mod requests;
pub(crate) mod json;
pub mod fault;

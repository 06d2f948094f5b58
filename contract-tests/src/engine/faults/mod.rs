//! Faults: those that any operation could have, and the parts that others are made of.

pub mod generic;
mod fields;
mod alterations;
pub(crate) mod answers;
pub(crate) mod requests;
pub(crate) mod json;
pub mod fault;

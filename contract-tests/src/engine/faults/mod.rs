//! Faults that any operation could have.

pub mod generic;
mod fields;
mod alterations;
pub mod fault;

//! Faults that any operation could have.

pub mod generic;
mod fields;
mod ids;
mod alterations;
pub mod fault;

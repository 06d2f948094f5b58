//! The storage of a service.

pub mod sqlite;

//! Where a service keeps its rows.

pub mod sqlite;

//! The schema of a service's database, for both engines.

use super::{postgres, sqlite, table::Table};

/// The schema of a database.
#[derive(Debug)]
pub struct Schema {
    /// For a file.
    pub sqlite: &'static sqlite::Schema,
    /// For a server.
    pub postgres: &'static postgres::Schema,
    /// All tables of the service, for copies between the two.
    pub tables: &'static [Table],
}

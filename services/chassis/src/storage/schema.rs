//! The schema of a service's database, for both engines.

use super::{postgres, sqlite, table::Table};

/// The schema of a database.
#[derive(Debug)]
pub struct Schema {
    /// As a file has it.
    pub sqlite: &'static sqlite::Schema,
    /// As a server has it.
    pub postgres: &'static postgres::Schema,
    /// All tables of the service, for copies between the two.
    pub tables: &'static [Table],
}

//! The schema of a database.

/// The migrations of a database: the statements that lead from each version to the next. A released migration never changes.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// Each may be several statements. They run in one transaction.
    pub migrations: &'static [&'static str],
}

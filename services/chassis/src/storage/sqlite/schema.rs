//! The schema of a database.

/// The schema of a database: the application that it belongs to, and its migrations.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// Marks the files of this application (<https://www.sqlite.org/pragma.html#pragma_application_id>).
    pub application_id: i32,
    /// The statements that lead from each version to the next. A released migration never changes.
    pub migrations: &'static [&'static str],
}

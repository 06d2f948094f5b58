//! The tables that a service has in both engines, which a copy between databases includes.

/// A table that both engines have under the same name.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns, of which those of the primary key come first. A column that only one engine has is not among them, and needs
    /// a default.
    pub columns: &'static [Column],
    /// How many columns the primary key has.
    pub key: usize,
    /// Whether the key is an id that the database gives.
    pub has_ids: bool,
}

/// A column, with its name.
pub type Column = (&'static str, Kind);

/// What a column holds, in either engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An integer.
    Integer,
    /// A number in floating point.
    Real,
    /// A text.
    Text,
    /// Bytes.
    Bytes,
    /// When a row was stored. PostgreSQL has the time of day; SQLite has seconds of a clock that runs only while the service does,
    /// of which only the differences mean something.
    Time,
}

impl Table {
    /// A table whose rows have ids that the database gives, in the first column.
    pub const fn with_ids(name: &'static str, columns: &'static [Column]) -> Self {
        Self { name, columns, key: 1, has_ids: true }
    }

    /// A table whose first `key` columns are its primary key.
    pub const fn with_key(name: &'static str, key: usize, columns: &'static [Column]) -> Self {
        Self { name, columns, key, has_ids: false }
    }

    /// The columns of the primary key.
    pub(super) fn key(&self) -> &'static [Column] {
        &self.columns[..self.key]
    }

    /// The name of the column that says when a row was stored, if there is one.
    pub(super) fn time(&self) -> Option<&'static str> {
        self.columns.iter().find(|(_, kind)| *kind == Kind::Time).map(|(name, _)| *name)
    }

    /// What `each` makes of every column, separated by commas.
    pub(super) fn list(&self, each: impl FnMut(&Column) -> String) -> String {
        list(self.columns, each)
    }

    /// The key of one of its rows.
    pub(super) fn key_of<'a>(&self, row: &'a Row) -> &'a [Value] {
        &row[..self.key]
    }
}

/// What `each` makes of every column, separated by commas.
pub(super) fn list(columns: &[Column], each: impl FnMut(&Column) -> String) -> String {
    columns.iter().map(each).collect::<Vec<_>>().join(", ")
}

/// A row, with a value for each column of its table.
pub(super) type Row = Vec<Value>;

/// A value in a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// In microseconds since the beginning of 1970, or of the clock.
    Time(i64),
}

/// Marks a database as an unfinished copy, as long as it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    /// Where the copy comes from.
    pub(super) source: String,
    /// When it began, in seconds since the beginning of 1970.
    pub(super) began: i64,
}

/// The table that has the marker.
pub(super) const MARKER: &str = "unfinished_copy";

/// Says that a database has an older version, and what to do.
pub(super) fn older(version: usize, known: usize) -> String {
    format!(
        "has version {version}, and this program copies version {known}: start its service once, which migrates it"
    )
}

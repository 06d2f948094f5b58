//! A checksum of a table, which is the same for the same rows in either engine.

use sha2::{Digest, Sha256};

use super::side::Side;
use crate::{
    settings::StartupError,
    storage::table::{Table, Value},
};

const MICROSECONDS: i64 = 1_000_000;

/// The result of copying a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The table.
    pub table: &'static str,
    /// How many rows it has.
    pub rows: u64,
    /// How many of them an earlier copy had brought.
    pub earlier: u64,
    /// The SHA-256 of all rows, which is the same in both databases.
    pub checksum: String,
}

/// The number of rows, and their hash.
#[derive(PartialEq)]
pub(super) struct Checksum {
    pub(super) rows: u64,
    hash: [u8; 32],
}

impl Checksum {
    /// Reads the whole table.
    pub(super) async fn of(side: &Side, table: &'static Table) -> Result<Self, StartupError> {
        let (mut hash, mut count) = (Sha256::new(), 0);
        // Each engine has a clock of its own, so only the whole seconds between rows are the same.
        let newest = side.newest(table).await?.unwrap_or_default().div_euclid(MICROSECONDS);
        let mut rows = side.rows(table, None).await?;
        loop {
            let page = side.next(&mut rows).await?;
            if page.is_empty() {
                return Ok(Self { rows: count, hash: hash.finalize().into() });
            }
            count += page.len() as u64;
            page.iter().flatten().for_each(|value| add(&mut hash, value, newest));
        }
    }

    pub(super) fn copied(&self, table: &Table, earlier: u64) -> Copied {
        let checksum = self.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Copied { table: table.name, rows: self.rows, earlier, checksum }
    }
}

/// Each value has a tag, and its length if that varies, so that no two rows are the same bytes.
fn add(hash: &mut Sha256, value: &Value, newest: i64) {
    let mut sized = |tag: &[u8], bytes: &[u8]| {
        hash.update(tag);
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    match value {
        Value::Null => hash.update(b"n"),
        Value::Text(text) => sized(b"t", text.as_bytes()),
        Value::Bytes(bytes) => sized(b"b", bytes),
        Value::Integer(value) => sized(b"i", &value.to_be_bytes()),
        Value::Real(value) => sized(b"r", &value.to_bits().to_be_bytes()),
        Value::Time(value) => sized(b"a", &(newest - value.div_euclid(MICROSECONDS)).to_be_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(row: &[Value], newest: i64) -> [u8; 32] {
        let mut hash = Sha256::new();
        row.iter().for_each(|value| add(&mut hash, value, newest));
        hash.finalize().into()
    }

    #[test]
    fn rows_that_differ_have_other_checksums() {
        let text = |text: &str| Value::Text(text.into());
        assert_ne!(hash(&[text("ab"), text("c")], 0), hash(&[text("a"), text("bc")], 0));
        // `t` is the tag of a text.
        assert_ne!(hash(&[text("atb")], 0), hash(&[text("a"), text("b")], 0));
        assert_ne!(hash(&[text("")], 0), hash(&[Value::Null], 0));
        assert_ne!(hash(&[Value::Real(0.0)], 0), hash(&[Value::Real(-0.0)], 0));
        assert_ne!(hash(&[Value::Integer(1)], 0), hash(&[Value::Bytes(1_i64.to_be_bytes().into())], 0));
    }

    #[test]
    fn times_are_those_before_the_newest_row() {
        let at = |seconds: i64| [Value::Time(seconds * MICROSECONDS + 7)];
        assert_eq!(hash(&at(3), 10), hash(&at(1_000_003), 1_000_010));
        assert_ne!(hash(&at(3), 10), hash(&at(4), 10));
    }
}

//! Groups failures of one kind, since a service that does one thing wrong may fail a hundred checks.

use std::collections::BTreeMap;

/// So many failures of an operation are told in full, if they are of one kind.
const TOLD: usize = 3;

/// How many failures there were of each kind: of an operation, and what was expected.
#[derive(Default)]
pub(crate) struct Kinds(BTreeMap<(String, String), usize>);

impl Kinds {
    /// Counts a failure. Returns whether it is one of the first of its kind.
    pub(crate) fn is_told(&mut self, name: &str, expected: &str) -> bool {
        let operation = name.split("::").next().unwrap_or_default();
        let count = self.0.entry((operation.to_owned(), expected.to_owned())).or_default();
        *count += 1;
        *count <= TOLD
    }

    /// A line for each kind of which there were more.
    pub(crate) fn untold(&self) -> impl Iterator<Item = String> {
        let more = self.0.iter().filter(|(_, count)| **count > TOLD);
        more.map(|((operation, expected), count)| {
            format!("{} more like these in {operation} ({expected})", count - TOLD)
        })
    }
}

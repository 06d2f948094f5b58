//! The rows of the ledger.

use serde::Serialize;

/// A documented response.
#[derive(Debug, Serialize)]
pub struct Row {
    pub(super) service: &'static str,
    pub(super) operation: String,
    /// As it is documented: `404`, `4XX` or `default`.
    pub(super) status: String,
    /// The exact error text of a refusal.
    pub(super) text: Option<String>,
    /// How often it was seen.
    pub(super) seen: usize,
    /// How often its status was seen with something else that is not as documented.
    pub(super) wrong: usize,
    /// Whether it is known that no request can provoke it.
    pub(super) waived: bool,
}

/// A documented facet of an operation.
#[derive(Debug, Serialize)]
pub struct Facet {
    pub(super) service: &'static str,
    pub(super) operation: String,
    pub(super) facet: String,
    /// How often it was seen.
    pub(super) seen: usize,
    /// Whether it need not be seen.
    pub(super) waived: bool,
}

impl Facet {
    pub(super) fn name(&self) -> String {
        format!("{} {} {}", self.service, self.operation, self.facet)
    }

    pub(super) fn verdict(&self) -> &'static str {
        verdict(self.seen, self.waived)
    }

    pub(super) fn is_fine(&self) -> bool {
        (self.seen == 0) == self.waived
    }
}

/// What is to be said of what was seen so often.
fn verdict(seen: usize, is_waived: bool) -> &'static str {
    match (seen, is_waived) {
        (0, false) => "never seen",
        (0, true) => "waived",
        (_, false) => "seen",
        (_, true) => "seen, yet waived",
    }
}

impl Row {
    pub(super) fn name(&self) -> String {
        let Self { service, operation, status, text, .. } = self;
        format!("{service} {operation} {status} {}", text.as_deref().unwrap_or_default())
            .trim_end()
            .to_owned()
    }

    pub(super) fn verdict(&self) -> &'static str {
        match (self.seen, self.wrong) {
            (0, 1..) => "seen, but wrong",
            _ => verdict(self.seen, self.waived),
        }
    }

    /// How often it was seen, right or else wrong.
    pub(super) fn shown(&self) -> usize {
        if self.seen > 0 { self.seen } else { self.wrong }
    }

    pub(super) fn is_fine(&self) -> bool {
        (self.seen == 0) == self.waived
    }
}

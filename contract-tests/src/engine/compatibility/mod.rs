//! The compatibility gate: whether a document breaks callers that rely on an older one.
//!
//! One rule decides. What a service accepts may become wider, and what it responds may become narrower; the reverse breaks a
//! caller. There are two additions to it. First, an error message or an error status may be added, since callers handle an unknown
//! message by its status; for the same reason, no message may move to another status. No other enum of a response may grow, since
//! nothing says what the new value means. Second, it is breaking if a service no longer reads or returns a field, even an optional
//! one, since somebody's data goes missing.

mod operations;
mod messages;
mod schema;
mod change;
mod truer;

use serde_json::Value;

pub use self::{change::Change, truer::Truer};
use crate::engine::exchange::written;

/// Every change from `old` to `new` that can be seen on the wire, but for `truer` schemas of parameters.
pub fn changes(old: &Value, new: &Value, truer: &[Truer]) -> Vec<Change> {
    let mut changes = operations::changes(old, new, truer);
    changes.sort();
    changes.dedup();
    changes
}

/// The version of a document. YAML reads one without quotes as a number.
pub fn version(document: &Value) -> String {
    match &document["info"]["version"] {
        Value::Null => "no version".to_owned(),
        version => written(version),
    }
}

/// Whether `new` has a higher major version than `old`, so that callers are told.
pub fn is_major(old: &Value, new: &Value) -> bool {
    let major = |document: &Value| -> u64 {
        version(document).split('.').next().and_then(|major| major.parse().ok()).unwrap_or_default()
    };
    major(new) > major(old)
}

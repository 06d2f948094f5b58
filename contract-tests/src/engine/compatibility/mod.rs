//! The compatibility gate: whether a document breaks callers that rely on an older one, and which.
//!
//! One law decides. What a service accepts may become wider, and what it answers may become narrower; the reverse breaks a
//! caller. Two decisions stand beside it. An error message or an error status may be added, since callers handle a message that
//! they do not know by its status; no other enum of a response may grow, since nothing says what its new value means. A field that a service no longer reads or answers breaks, even if it was optional: somebody's data goes missing.

mod operations;
mod schema;
mod change;
mod consumers;

use serde_json::Value;

pub use self::change::Change;
use crate::engine::exchange::written;

/// Every change from `old` to `new` that breaks a caller of `service`, in words: the operation, what changed, and which of the
/// sources here call it. None if the document has a new major version.
pub fn breaks(service: &str, old: &Value, new: &Value) -> Vec<String> {
    if is_major(old, new) {
        return Vec::new();
    }
    let breaking = changes(old, new).into_iter().filter(|change| change.is_breaking);
    breaking
        .map(|Change { operation, message, .. }| {
            let callers = consumers::of(service, &operation);
            let callers = if callers.is_empty() { "callers elsewhere".into() } else { callers.join(", ") };
            format!("{service} {operation}: {message} (breaks {callers})")
        })
        .collect()
}

/// Every change from `old` to `new` that can be seen on the wire.
pub fn changes(old: &Value, new: &Value) -> Vec<Change> {
    let mut changes = operations::changes(old, new);
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

#[cfg(test)]
mod tests;

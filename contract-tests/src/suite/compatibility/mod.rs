//! Whether a change of a document of this store breaks callers, and which.

mod consumers;

use serde_json::Value;

use super::truer::TRUER;
use crate::engine::compatibility::{Change, changes, is_major};

/// Every change from `old` to `new` that breaks a caller of `service`, in words: the operation, what changed, and where it is
/// called here. None if the document has a new major version.
pub fn breaks(service: &str, old: &Value, new: &Value) -> Vec<String> {
    if is_major(old, new) {
        return Vec::new();
    }
    let breaking = changes(old, new, &TRUER).into_iter().filter(|change| change.is_breaking);
    breaking
        .map(|Change { operation, message, .. }| {
            let callers = consumers::of(service, &operation);
            let callers = if callers.is_empty() { "callers elsewhere".into() } else { callers.join(", ") };
            format!("{service} {operation}: {message} (breaks {callers})")
        })
        .collect()
}

#[cfg(test)]
mod tests;

//! A change of a document, and whether it breaks callers.

/// A change of a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// The id of the operation, as the old document has it.
    pub operation: String,
    /// Where and what, in words.
    pub message: String,
    /// Whether a caller can break over it.
    pub is_breaking: bool,
}

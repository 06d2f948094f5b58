//! A stored response.

use crate::error::ApiError;

use super::errors::KEY_REUSED;

/// How many expired responses are deleted whenever one is stored: more than one, so that their number shrinks.
pub(super) const DELETED_AT_ONCE: u32 = 4;

/// A response to store, and its request.
pub(super) struct Entry<'a> {
    pub(super) operation: &'static str,
    pub(super) key: &'a str,
    pub(super) request: &'a str,
    pub(super) location: &'a str,
    pub(super) body: &'a [u8],
}

/// A stored response, and its request.
pub(super) struct StoredResponse {
    pub(super) request: String,
    pub(super) location: String,
    pub(super) body: Vec<u8>,
}

impl StoredResponse {
    /// The path and the body of the response, if `request` is the same.
    pub(super) fn replay(self, request: &str) -> Result<(String, Vec<u8>), ApiError> {
        if self.request != request {
            return Err(KEY_REUSED.into());
        }
        Ok((self.location, self.body))
    }
}

//! What an operation is declared with: who may call it, what it takes, what it answers, and the document of all that.

pub mod document;
pub mod idempotency;
pub mod json;
pub mod responses;
pub mod operation;
pub mod bearer_auth;
pub mod fields;
pub mod parameters;
pub mod upstream;

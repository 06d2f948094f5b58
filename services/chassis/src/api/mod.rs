//! Building blocks for declaring an API: authentication, parameters, bodies, responses, errors, and its document.

pub mod document;
mod page;
pub mod idempotency;
pub mod made_or_found;
pub mod responses;
pub mod json;
pub mod conditional;
pub mod operation;
pub mod bearer_auth;
pub mod fields;
pub mod parameters;
pub mod upstream;

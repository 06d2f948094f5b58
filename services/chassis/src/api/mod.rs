//! What an API is declared with: authentication, parameters, bodies, responses, errors, and the document of it all.

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

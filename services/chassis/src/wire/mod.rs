//! The wire format that all services share: header fields, JSON responses, text encoding, and the description of responses in the
//! document.

pub(crate) mod describe;
pub mod json;
pub(crate) mod encoding;
pub(crate) mod header;
pub(crate) mod timeout;
pub(crate) mod uri;

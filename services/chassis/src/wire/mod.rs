//! What is the same on the wire for every service: header fields, JSON responses, the encoding of text, and how the document
//! describes a response.

pub(crate) mod describe;
pub mod json;
pub(crate) mod encoding;
pub(crate) mod header;
pub(crate) mod timeout;

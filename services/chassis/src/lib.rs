//! What every service stands on, and none is about: nothing here knows what a service sells, takes or charges.
//!
//! A service declares its operations with poem-openapi, in terms of [`value`]s, [`json`] payloads made of [`fields`], [`answers`],
//! a [`token::Caller`] and [`refusal`]s; it keeps its rows with [`sqlite`] and asks others with [`trace::neighbour`]; and it hands all that to [`server::Service`], which serves it
//! with the [`document`] that its types emit. [`process::run`] is the rest of its `main`.

pub mod answers;
pub mod command_line;
mod descriptors;
pub mod document;
mod encoding;
pub mod fields;
mod header;
pub mod idempotency;
pub mod json;
mod log;
mod metrics;
mod number;
pub mod parameter;
pub mod process;
pub mod refusal;
pub mod say;
pub mod server;
pub mod settings;
pub mod signals;
pub mod sqlite;
pub mod token;
pub mod trace;
pub mod value;

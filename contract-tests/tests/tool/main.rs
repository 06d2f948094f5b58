//! The tool, as people use it on services of their own: `cargo test --test tool`.
//!
//! The service here is none of the store's: it has an API key, its errors are problems (RFC 9457), and its document is 3.1, in
//! two files, with `4XX` and `default`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]

mod scripted;
mod service;
mod files;
mod input;
mod replay;
mod example;
mod workflows;
mod documents;
mod unjudged;
mod secrets;
mod prove;
mod watch;
mod har;
mod tls;
mod callers;
mod compare;

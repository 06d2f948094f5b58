//! What a store promises about time, permits and memory: `cargo test --test timing`, and the name of a module to
//! run only that one.
//!
//! These tests measure time or fill a limit. Each begins with [`alone`], for exclusive use of the machine, or with [`shared`].

#![allow(clippy::disallowed_macros, reason = "a test prints what it finds")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]

mod bulkhead;
mod callers;
mod capacity;
mod drain;
mod overload;
mod soak;
mod stopping;
mod terminal;

use std::net::TcpStream;

use contract_tests::{
    engine::session::Session,
    harness::{
        caller::Caller,
        machine::{alone, shared},
    },
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_store-under-test");

/// How many products make a list that no socket buffers hold.
const MANY: usize = 100_000;

/// A connection to products.
fn connect(session: &Session) -> TcpStream {
    Caller::connect(session, "products").stream
}

//! What a running store promises beyond the replay: `cargo test --test service`, and the name of a module to run
//! only that one.

#![allow(clippy::disallowed_macros, reason = "a test prints what it finds")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]

mod access;
mod addresses;
mod backup;
mod connections;
mod cors;
mod crashes;
mod edge;
mod headers;
mod list;
mod logs;
mod metrics;
mod restore;
mod retries;
mod storage;
mod tls;
mod traces;
mod values;

use contract_tests::{
    engine::{replay::situations, session::Session},
    harness::store::Store,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_store-under-test");

/// Settings of a store whose log is of no interest.
const QUIET: [(&str, &str); 1] = [("RUST_LOG", "warn")];

/// A store with these settings that has a product, an order and a payment.
fn start(settings: &[(&str, &str)]) -> (Store, Session) {
    let (store, session) = Store::start_with_session(PROGRAM, settings);
    situations::prepare(&session).unwrap();
    (store, session)
}

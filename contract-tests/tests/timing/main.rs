//! What a store promises about time, places and memory: `cargo test -p contract-tests --test timing`, and the name of a module
//! for a part of it.
//!
//! These tests measure or fill a limit. Each begins with [`alone`], which gives it the machine for itself, or with [`shared`].

#![allow(clippy::disallowed_macros, reason = "a test prints what it finds")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]

mod bulkhead;
mod callers;
mod capacity;
mod drain;
mod overload;
mod stopping;
mod terminal;

use std::{
    net::TcpStream,
    sync::{PoisonError, RwLock},
};

use contract_tests::{
    engine::session::Session,
    harness::{caller::Caller, store::Store},
};
use rusqlite::Connection;

const PROGRAM: &str = env!("CARGO_BIN_EXE_store-under-test");

/// How many products make a list that no socket buffers hold.
const MANY: usize = 100_000;

/// Held by the tests that run.
static MACHINE: RwLock<()> = RwLock::new(());

/// Gives a test the machine for itself until the result is dropped. Tests that compare rates or fill the machine need it.
fn alone() -> impl Drop {
    // A test that failed leaves nothing behind.
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

/// Lets a test share the machine with others that do. Tests that mostly wait can.
fn shared() -> impl Drop {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

/// Fills the list of products. The service sees them a little later.
fn fill(store: &Store, count: usize) {
    let insert = format!(
        "WITH RECURSIVE number(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < {count})
         INSERT INTO product (name, price, stock) SELECT printf('%.200c', 'x'), 1.5, i FROM number"
    );
    Connection::open(store.database("products")).unwrap().execute_batch(&insert).unwrap();
}

/// A connection to products.
fn connect(session: &Session) -> TcpStream {
    Caller::connect(session, "products").stream
}

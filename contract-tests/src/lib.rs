//! The contract suite: it reads the contract from `openapi/`, replays it against running services, and keeps a ledger of what
//! it saw.
//!
//! | folder | what it is for |
//! |---|---|
//! | [`engine`] | reads a contract, sends requests, and validates and records each response; it starts nothing |
//! | [`harness`] | starts and stops a store, and everything that a test connects to it: a proxy, a faulty upstream, a raw caller, a browser |
//! | [`suite`] | what is true of this store: its properties, the faults that must be noticed, the recorded examples |
//! | [`load`] | sends load, for the benchmarks |
//! | [`standard`] | the default subject of a test: this store |
//!
//! `contract-tests/README.md` shows how a test uses them.

#![allow(clippy::expect_used, reason = "a suite that cannot go on says why by panicking")]

pub mod load;
pub mod suite;
pub mod harness;
pub mod engine;
pub mod standard;

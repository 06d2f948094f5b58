//! The contract suite: it reads the contract from `openapi/`, replays it against three running services, and keeps a
//! ledger of what it saw.
//!
//! [`store`] is the store under test: processes that were started for it, or a deployment that runs elsewhere.
//! [`contract`] is what was promised, [`session`] sends a request and judges the answer by it, [`ledger`] remembers.
//! [`replay`] is every documented request; [`stock`] are the properties that no list of requests can show.
//! [`faults`] puts [`proxy`] before the store to prove that both would notice, [`upstream`] is a service that fails.
//! [`browser`] is Chromium, for the page that shows the document, and [`specmatic`] is for a judge that is not ours.

#![allow(clippy::expect_used, reason = "a suite that cannot go on says why by panicking")]

pub mod browser;
pub mod caller;
pub mod compatibility;
pub mod contract;
pub mod emission;
pub mod examples;
pub mod exchange;
pub mod facets;
pub mod faults;
pub mod ledger;
pub mod load;
pub mod metrics;
pub mod upstream;
pub mod property;
pub mod proxy;
pub mod replay;
pub mod session;
pub mod specmatic;
pub mod stock;
pub mod store;
pub mod truer;

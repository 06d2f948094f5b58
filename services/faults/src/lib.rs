//! Faults that a store could have, each injected on the wire in front of a real service.
//!
//! The suite can be trusted because it notices every one of them, and developers test their consumers against them with
//! `store stub --fault NAME`. [`table`] has the faults of this store, one per line; [`network`] has the ways in which any service
//! can fail its callers. Both are composed of functions that alter a [`message`] in transit.

#![allow(clippy::expect_used, reason = "patterns are fixed, and a fault that has panicked is one no more")]

pub mod table;
pub mod network;
mod responses;
mod requests;
pub mod fault;
pub mod json;
pub mod message;

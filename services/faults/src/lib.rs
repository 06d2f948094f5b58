//! Faults that a store could have, each made on the wire before a real service.
//!
//! The suite is trusted because it notices every one of them, and a developer tries his consumer on them with
//! `store stub --fault NAME`. [`table`] has those of this store, a line each; [`network`] has the ways in which any service fails
//! its callers. Both are made of parts that alter a [`message`] on its way.

#![allow(clippy::expect_used, reason = "patterns are fixed, and a fault that has panicked is one no more")]

pub mod table;
pub mod network;
mod responses;
mod requests;
pub mod fault;
pub mod json;
pub mod message;

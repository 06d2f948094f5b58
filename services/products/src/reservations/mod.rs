//! Reservations: each takes stock once, under a key that the caller chooses, and gives it back once.
//!
//! A reservation is created, read and released at the same path, so that a caller who got no response can retry or release it
//! without knowing the outcome of the request. [`api`] is the HTTP side and contains no SQL; `db` is the SQL side and contains no
//! HTTP.

pub mod api;
pub(crate) mod db;

//! Reservations: stock that is taken for somebody, once, under a key that the caller chooses, and given back once.
//!
//! A reservation is made, read and released under the same path, so that a caller who got no response asks again, or releases it,
//! without knowing what became of the request. [`api`] is the HTTP side and contains no SQL; `db` is the SQL side and contains no
//! HTTP.

pub mod api;
pub(crate) mod db;

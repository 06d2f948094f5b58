//! A fault: where it is, and how it is injected.

use std::sync::Arc;

use crate::message::{Request, Response};

/// Sends a request on to the service.
pub type Forward<'a> = &'a dyn Fn(&Request) -> Response;
/// Handles a request instead of forwarding it unchanged.
pub type Tamper = Arc<dyn Fn(Request, Forward<'_>) -> Response + Send + Sync>;

/// Where a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before a service, as its callers outside see it.
    Before(&'static str),
    /// Before a service, as the service that asks it sees it.
    Between(&'static str),
}

/// Something that a service does wrong.
#[derive(Clone)]
pub struct Fault {
    /// What, as a sentence.
    pub name: String,
    /// Where.
    pub place: Place,
    /// How it is injected.
    pub tamper: Tamper,
}

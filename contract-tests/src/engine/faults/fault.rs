//! A fault: where it is, and how it is injected.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::engine::exchange::{Request, Response};

/// Sends a request on to the service.
pub type Forward<'a> = &'a dyn Fn(&Request) -> Response;
/// Handles a request instead of forwarding it unchanged.
pub type Tamper = Arc<dyn Fn(Request, Forward<'_>) -> Response + Send + Sync>;

/// Adds a fault: its name, what to add so that it is noticed, and how it is injected.
pub(super) type Add<'a> = &'a mut dyn FnMut(&str, String, Tamper);

/// Where a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before a service, as its callers outside see it.
    Before(&'static str),
    /// Before a service, as the service that asks it sees it.
    Between(&'static str),
}

/// Something that a service does wrong.
pub struct Fault {
    /// What, as a sentence.
    pub name: String,
    /// Where.
    pub place: Place,
    /// How it is injected.
    pub tamper: Tamper,
}

/// The same tampering, which tells whether it made a difference.
pub fn observed(tamper: Tamper, came_about: Arc<AtomicBool>) -> Tamper {
    let is_same_request = |one: &Request, other: &Request| {
        one.path == other.path
            && one.body == other.body
            && one.headers == other.headers
            && one.method == other.method
    };
    let is_same_response = |one: &Response, other: &Response| {
        one.status == other.status && one.body == other.body && one.headers == other.headers
    };
    Arc::new(move |request: Request, forward: Forward<'_>| {
        let passed: RefCell<Vec<(Request, Response)>> = RefCell::default();
        let watched = |sent: &Request| {
            let response = forward(sent);
            passed.borrow_mut().push((sent.clone(), response.clone()));
            response
        };
        let response = tamper(request.clone(), &watched);
        let is_same = match passed.borrow().as_slice() {
            [(sent, answered)] => is_same_request(sent, &request) && is_same_response(answered, &response),
            _ => false,
        };
        if !is_same {
            came_about.store(true, Ordering::Relaxed);
        }
        response
    })
}

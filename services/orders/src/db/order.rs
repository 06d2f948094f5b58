//! An order and an intent, as they are stored.

use std::time::Duration;

use chassis::values::{Id, Key, Quantity};

/// An order. It has one status, which is therefore not read.
pub(crate) struct Order {
    pub(crate) id: Id,
    pub(crate) content: Content,
}

/// An order but for its id.
#[derive(Clone, Copy)]
pub(crate) struct Content {
    pub(crate) product_id: Id,
    pub(crate) quantity: Quantity,
}

/// An order that is meant to be made, with the key of its reservation.
#[derive(Clone)]
pub(crate) struct Intent {
    pub(crate) key: Key,
    pub(crate) content: Content,
}

/// An instance of the service, as the owner of intents in a database that several share.
#[derive(Clone)]
pub(crate) struct Owner {
    /// No other instance has this name, nor had.
    pub(crate) name: String,
    /// After this time its intents are anybody's.
    pub(crate) lease: Duration,
}

impl Owner {
    pub(super) fn lease_seconds(&self) -> f64 {
        self.lease.as_secs_f64()
    }
}

//! An order, and the intent to make one, as they are stored.

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

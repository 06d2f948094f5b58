//! A reservation, as it is stored.

use chassis::values::{Count, Id, Key, Quantity};

/// A reservation of some of a product's stock.
pub(crate) struct Reservation {
    pub(crate) product_id: Id,
    pub(crate) key: Key,
    pub(crate) quantity: Count,
    pub(crate) status: Status,
}

impl Reservation {
    /// One that takes its quantity.
    pub(super) fn held(product_id: Id, key: Key, quantity: Quantity) -> Self {
        Self { product_id, key, quantity: quantity.into(), status: Status::Held }
    }

    /// One that was released before it was made.
    pub(super) fn never_made(product_id: Id, key: Key) -> Self {
        Self { product_id, key, quantity: Count::ZERO, status: Status::Released }
    }

    /// The outcome of another attempt to create it.
    pub(super) fn made_again(self, quantity: Quantity) -> Made {
        match self.status {
            Status::Released => Made::Released,
            Status::Held if self.quantity.get() == quantity.get() => Made::Before(self),
            Status::Held => Made::Differs,
        }
    }
}

/// Whether a reservation has its quantity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Held,
    Released,
}

/// The outcome of creating a reservation.
pub(crate) enum Made {
    /// It took the stock.
    Now(Reservation),
    /// It had taken the stock before.
    Before(Reservation),
    /// It was released, and no longer takes any stock.
    Released,
    /// It has another quantity.
    Differs,
    NotEnoughStock,
    NoProduct,
}

/// The outcome of releasing a reservation.
pub(crate) enum Released {
    /// It has nothing now.
    Now(Reservation),
    /// The stock would be larger than any number of items may be.
    TooMuchStock,
    NoProduct,
}

impl Status {
    /// Its name in the database.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Held => "HELD",
            Self::Released => "RELEASED",
        }
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        [Self::Held, Self::Released].into_iter().find(|status| status.name() == name)
    }
}

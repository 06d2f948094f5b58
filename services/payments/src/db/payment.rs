//! A payment, as it is stored.

use chassis::values::{Decimal, Id, Text};

/// A payment. It has one status, which is therefore not read.
pub(crate) struct Payment {
    pub(crate) id: Id,
    pub(crate) content: Content,
}

/// A payment but for its id.
#[derive(Clone)]
pub(crate) struct Content {
    pub(crate) order_id: Id,
    pub(crate) amount: Decimal,
    pub(crate) method: Text,
}

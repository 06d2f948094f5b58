//! A product, as it is stored.

use chassis::values::{Count, Decimal, Id, Text};

/// A product.
pub(crate) struct Product {
    pub(crate) id: Id,
    pub(crate) content: Content,
}

/// A product but for its id.
#[derive(Clone)]
pub(crate) struct Content {
    pub(crate) name: Text,
    pub(crate) price: Decimal,
    pub(crate) stock: Count,
}

/// The outcome of a replacement.
pub(crate) enum Replaced {
    Done(Product),
    /// The product is another than was expected, and stays as it is.
    Unexpected,
    NotFound,
}

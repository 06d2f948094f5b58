//! The errors that products and reservations share.

use chassis::error::ErrorMessage;
use poem::http::StatusCode;

pub(crate) const PRODUCT_NOT_FOUND: ErrorMessage =
    ErrorMessage::new(StatusCode::NOT_FOUND, "Product not found");

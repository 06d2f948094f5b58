//! Why an order is refused.

use chassis::error::ErrorMessage;
use poem::http::StatusCode;

pub(crate) const PRODUCT_UNAVAILABLE: ErrorMessage =
    ErrorMessage::new(StatusCode::BAD_REQUEST, "Product not found or unavailable");
pub(crate) const NOT_ENOUGH_STOCK: ErrorMessage =
    ErrorMessage::new(StatusCode::BAD_REQUEST, "Not enough stock");

//! The errors of an operation that takes a key.

use poem::http::StatusCode;

use crate::error::ErrorMessage;

/// An earlier request had the same key and another body.
pub const KEY_REUSED: ErrorMessage =
    ErrorMessage::new(StatusCode::UNPROCESSABLE_ENTITY, "Idempotency key reused");
/// The first request with the key is still in flight.
pub const IN_PROGRESS: ErrorMessage =
    ErrorMessage::new(StatusCode::CONFLICT, "Request in progress").retryable();

/// The errors of an operation that takes a key.
pub const WITH_KEY: &[ErrorMessage] = &[KEY_REUSED, IN_PROGRESS];

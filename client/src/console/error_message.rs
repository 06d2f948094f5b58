//! The error messages of all operations, and what a customer can do about each.
//!
//! The messages come from the enums that are generated from the documents, so a new one does not compile without advice.

use client::{orders, payments, products};
use reqwest::StatusCode;

use super::service::Service;

/// An error message, whichever operation responded with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorMessage {
    MissingFields,
    InvalidFields,
    MalformedRequest,
    RequestTimeout,
    PayloadTooLarge,
    UnsupportedMediaType,
    Unauthorized,
    ProductNotFound,
    ProductNotFoundOrUnavailable,
    NotEnoughStock,
    TooMuchStock,
    PreconditionFailed,
    ReservationNotFound,
    ReservationReleased,
    ReservationDiffers,
    OrderNotFound,
    OrderNotFoundOrUnavailable,
    PaymentNotFound,
    IdempotencyKeyReused,
    RequestInProgress,
    ServiceUnavailable,
    InternalError,
    /// A message that the documents do not have, in a response with this status.
    Unknown(StatusCode),
}

/// The body of an error response.
pub(super) trait ErrorBody: client::ErrorBody {
    /// The message, in a response with this status.
    fn message(&self, status: StatusCode) -> ErrorMessage;
}

/// Lists the messages of each operation, besides those that every operation has.
macro_rules! error_bodies {
    ($($service:ident $body:ident $message:ident: $($variant:ident)*;)*) => {$(
        impl ErrorBody for $service::types::$body {
            fn message(&self, status: StatusCode) -> ErrorMessage {
                use $service::types::$message as Generated;
                match self.error {
                    Generated::MalformedRequest => ErrorMessage::MalformedRequest,
                    Generated::Unauthorized => ErrorMessage::Unauthorized,
                    Generated::InternalError => ErrorMessage::InternalError,
                    Generated::ServiceUnavailable => ErrorMessage::ServiceUnavailable,
                    $(Generated::$variant => ErrorMessage::$variant,)*
                    Generated::Unknown(_) => ErrorMessage::Unknown(status),
                }
            }
        }
    )*};
}

error_bodies! {
    products ListProductsErrorBody ListProductsErrorMessage: InvalidFields;
    products GetProductErrorBody GetProductErrorMessage: ProductNotFound;
    products CreateProductErrorBody CreateProductErrorMessage:
        MissingFields InvalidFields RequestTimeout PayloadTooLarge UnsupportedMediaType
        IdempotencyKeyReused RequestInProgress;
    products ReplaceProductErrorBody ReplaceProductErrorMessage:
        MissingFields InvalidFields RequestTimeout PayloadTooLarge UnsupportedMediaType
        ProductNotFound PreconditionFailed;
    products MakeReservationErrorBody MakeReservationErrorMessage:
        MissingFields InvalidFields RequestTimeout PayloadTooLarge UnsupportedMediaType
        ProductNotFound NotEnoughStock ReservationReleased ReservationDiffers;
    products GetReservationErrorBody GetReservationErrorMessage: ProductNotFound ReservationNotFound;
    products ReleaseReservationErrorBody ReleaseReservationErrorMessage:
        ProductNotFound ReservationNotFound TooMuchStock;
    orders GetOrderErrorBody GetOrderErrorMessage: OrderNotFound;
    orders CreateOrderErrorBody CreateOrderErrorMessage:
        MissingFields InvalidFields RequestTimeout PayloadTooLarge UnsupportedMediaType
        IdempotencyKeyReused RequestInProgress ProductNotFoundOrUnavailable NotEnoughStock;
    payments GetPaymentErrorBody GetPaymentErrorMessage: PaymentNotFound;
    payments CreatePaymentErrorBody CreatePaymentErrorMessage:
        MissingFields InvalidFields RequestTimeout PayloadTooLarge UnsupportedMediaType
        IdempotencyKeyReused RequestInProgress OrderNotFoundOrUnavailable;
}

impl ErrorMessage {
    /// What the message of `service` means, and what to do about it.
    pub(super) fn advice(self, service: Service) -> String {
        let advice = match self {
            Self::MissingFields => {
                "The service requires a field that this console does not send. They may be of different versions: run `client check`."
            }
            Self::InvalidFields => "A field has an invalid value.",
            Self::MalformedRequest => "Something on the way, such as a proxy, may have changed the request.",
            Self::RequestTimeout => "The request did not arrive in time. Try again in a moment.",
            Self::PayloadTooLarge => "The request is larger than the service allows.",
            Self::UnsupportedMediaType => {
                "The service does not accept JSON. Something else may be listening there: run `client check`."
            }
            Self::Unauthorized => {
                return format!(
                    "The service does not accept the token. Set {} to the token that it was started with.",
                    service.token_variable()
                );
            }
            Self::ProductNotFound => {
                "There is no product with this id. `client products list` lists all products."
            }
            Self::ProductNotFoundOrUnavailable => {
                "There is no product with this id, or products did not respond. `client products list` lists all products."
            }
            Self::TooMuchStock => {
                "The stock would be larger than the largest number. Lower it with `client products replace` first."
            }
            Self::PreconditionFailed => {
                "The product has changed since it was read. `client products show --etag` shows it as it is now, with its new ETag."
            }
            Self::ReservationNotFound => {
                "The product has no reservation with this key. `client products reservations put` makes one."
            }
            Self::ReservationReleased => {
                "A reservation is released once and for all. Use a new key for a new one."
            }
            Self::ReservationDiffers => {
                "The reservation has another quantity. `client products reservations show` tells which."
            }
            Self::NotEnoughStock if service == Service::Products => {
                "There are fewer in stock. `client products show` tells how many."
            }
            Self::NotEnoughStock => {
                "The order is for more than the stock. Order fewer, or look up the stock with `client products show`."
            }
            Self::OrderNotFound => {
                "There is no order with this id. `client orders create` prints the id of a new order."
            }
            Self::OrderNotFoundOrUnavailable => {
                "There is no order with this id, or orders did not respond. `client orders show` tells which."
            }
            Self::PaymentNotFound => {
                "There is no payment with this id. `client payments create` prints the id of a new payment."
            }
            Self::IdempotencyKeyReused => {
                "Another request was sent with this key. Use a new key for a new request."
            }
            Self::RequestInProgress => {
                "The first request with this key is still in flight. Try again in a moment."
            }
            Self::ServiceUnavailable => {
                "The service is overloaded or stopping, and did nothing. Try again in a moment."
            }
            Self::InternalError => "Something is wrong inside the service. The cause is in its log.",
            Self::Unknown(status) => {
                return format!(
                    "The status is {status}, and this console does not know the message: the service may be of a later version. Update the console, or run `client check`."
                );
            }
        };
        advice.to_owned()
    }

    /// Whether another service does not have a resource, or did not respond.
    pub(super) fn is_not_found_or_unavailable(self) -> bool {
        matches!(self, Self::ProductNotFoundOrUnavailable | Self::OrderNotFoundOrUnavailable)
    }

    /// Whether a resource does not exist, which only a service that works can tell.
    pub(super) fn is_not_found(self) -> bool {
        matches!(
            self,
            Self::ProductNotFound | Self::ReservationNotFound | Self::OrderNotFound | Self::PaymentNotFound
        )
    }
}

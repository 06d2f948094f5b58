//! Handles every error of an operation.
//!
//! Run it with `cargo run -p client --example errors` while the store is running. The error messages of an operation are an
//! enum that is generated from the document. When the document gets a new message, this example no longer compiles; until
//! then, it handles a new message from a later service by the status of the response.

#![allow(clippy::disallowed_macros, reason = "examples print their results")]

use std::env;

use client::{
    Error, InvalidConnection, ResponseValue,
    orders::{
        Client,
        types::{CreateOrderErrorBody, CreateOrderErrorMessage, NewOrder},
    },
};

#[tokio::main]
pub(crate) async fn main() -> Result<(), InvalidConnection> {
    let url = env::var("ORDERS_URL").unwrap_or_else(|_| "http://127.0.0.1:5002".into());
    let token = env::var("ORDERS_TOKEN").unwrap_or_else(|_| "SECRET_ORDERS_TOKEN".into());

    let orders = client::orders(&url, &token)?;
    println!("{}", order(&orders, 9_007_199_254_740_991, 1).await);
    println!("{}", order(&orders, 0, 1).await);
    println!("{}", order(&client::orders(&url, "wrong")?, 1, 1).await);
    println!("{}", order(&client::orders("http://127.0.0.1:1", &token)?, 1, 1).await);
    Ok(())
}

/// Orders `quantity` of `product`, and returns the result in words.
async fn order(orders: &Client, product: u64, quantity: u64) -> String {
    let order = NewOrder::builder().product_id(product).quantity(quantity);
    match orders.create_order().body(order).send().await {
        Ok(order) => {
            format!("ordered {} of product {}: order {}", order.quantity, order.product_id, order.id)
        }
        Err(Error::ErrorResponse(error)) => format!("error: {}", what_to_do(&error)),
        Err(Error::InvalidRequest(_)) => "not sent: the document does not allow this order".to_owned(),
        Err(error @ Error::CommunicationError(_)) => format!("no response: {}", client::cause(&error)),
        Err(
            error @ (Error::UnexpectedResponse(_)
            | Error::InvalidResponsePayload(..)
            | Error::ResponseBodyError(_)
            | Error::InvalidUpgrade(_)
            | Error::Custom(_)),
        ) => format!("an undocumented response: {}", client::cause(&error)),
    }
}

/// What to do about each error message of the operation.
fn what_to_do(error: &ResponseValue<CreateOrderErrorBody>) -> &str {
    match error.error {
        CreateOrderErrorMessage::ProductNotFoundOrUnavailable => "choose another product, or try again later",
        CreateOrderErrorMessage::NotEnoughStock => "order fewer",
        CreateOrderErrorMessage::Unauthorized => "check the token",
        CreateOrderErrorMessage::ServiceUnavailable | CreateOrderErrorMessage::RequestTimeout => {
            "try again in a moment"
        }
        CreateOrderErrorMessage::RequestInProgress => "try again with the same key in a moment",
        CreateOrderErrorMessage::IdempotencyKeyReused => "use a new key",
        CreateOrderErrorMessage::InvalidFields => error.detail.as_deref().unwrap_or("correct the order"),
        CreateOrderErrorMessage::MalformedRequest
        | CreateOrderErrorMessage::MissingFields
        | CreateOrderErrorMessage::PayloadTooLarge
        | CreateOrderErrorMessage::UnsupportedMediaType => {
            "this program is for another version of the service"
        }
        CreateOrderErrorMessage::InternalError => "look in the log of the service",
        CreateOrderErrorMessage::Unknown(_) if error.status().is_server_error() => "try again later",
        CreateOrderErrorMessage::Unknown(_) => "change the order, or update this program",
    }
}

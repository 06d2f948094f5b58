//! Handles everything that an order can be refused with, and everything else that can go wrong.
//!
//! `cargo run -p client --example errors`, while the store runs. The texts of a service are variants of an enum that is
//! generated from its document: when the document gets a new one, this does not compile until somebody has thought of it.

#![allow(clippy::disallowed_macros, reason = "an example prints as its reader would")]

use std::env;

use client::{
    Error, InvalidConnection,
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

/// Orders `quantity` of `product`, and says what came of it.
async fn order(orders: &Client, product: u64, quantity: u64) -> String {
    let order = NewOrder::builder().product_id(product).quantity(quantity);
    match orders.create_order().body(order).send().await {
        Ok(order) => {
            format!("ordered: {} of product {}, order {}", order.quantity, order.product_id, order.id)
        }
        Err(Error::ErrorResponse(refusal)) => format!("refused: {}", what_to_do(&refusal)),
        Err(Error::InvalidRequest(reason)) => format!("not sent, since the document rules it out: {reason}"),
        Err(error @ Error::CommunicationError(_)) => format!("no answer: {}", client::cause(&error)),
        Err(
            error @ (Error::UnexpectedResponse(_)
            | Error::InvalidResponsePayload(..)
            | Error::ResponseBodyError(_)
            | Error::InvalidUpgrade(_)
            | Error::Custom(_)),
        ) => format!("an answer that is not in the document: {}", client::cause(&error)),
    }
}

/// Every text that the document lists for this operation.
fn what_to_do(refusal: &CreateOrderErrorBody) -> &str {
    match refusal.error {
        CreateOrderErrorMessage::ProductNotFoundOrUnavailable => {
            "choose another product, or come again later"
        }
        CreateOrderErrorMessage::NotEnoughStock => "order fewer",
        CreateOrderErrorMessage::Unauthorized => "look after the token",
        CreateOrderErrorMessage::ServiceUnavailable | CreateOrderErrorMessage::RequestTimeout => {
            "come again in a moment"
        }
        CreateOrderErrorMessage::RequestInProgress => "ask again with the same key in a moment",
        CreateOrderErrorMessage::IdempotencyKeyReused => "take another key",
        CreateOrderErrorMessage::InvalidFields => refusal.detail.as_deref().unwrap_or("correct the order"),
        CreateOrderErrorMessage::MalformedRequest
        | CreateOrderErrorMessage::MissingFields
        | CreateOrderErrorMessage::PayloadTooLarge
        | CreateOrderErrorMessage::UnsupportedMediaType => {
            "this program was made for another version of the service"
        }
        CreateOrderErrorMessage::InternalError => "tell whoever runs the service",
    }
}

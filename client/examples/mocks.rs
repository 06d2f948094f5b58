//! Tests a consumer without any service: a mock server sends the responses that the test defines, in the types of the document.
//!
//! Run the tests with `cargo test -p client --features mocks --example mocks`. A mock with a field or a status that the document
//! does not have fails to compile, or panics.

#![allow(clippy::disallowed_macros, reason = "examples print their results")]

use std::{env, error::Error};

use client::{
    Error as ClientError,
    orders::{
        Client,
        types::{CreateOrderErrorMessage, NewOrder},
    },
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("ORDERS_URL").unwrap_or_else(|_| "http://127.0.0.1:5002".into());
    println!("{}", order_up_to(&client::orders(&url, "SECRET_ORDERS_TOKEN")?, 1, 3).await);
    Ok(())
}

/// What is tested: orders as many as there are, but no more than `most`.
async fn order_up_to(orders: &Client, product: u64, most: u64) -> String {
    for quantity in (1..=most).rev() {
        let order = NewOrder::builder().product_id(product).quantity(quantity);
        match orders.create_order().body(order).send().await {
            Ok(order) => return format!("ordered {}", order.quantity),
            Err(ClientError::ErrorResponse(error))
                if error.error == CreateOrderErrorMessage::NotEnoughStock => {}
            Err(_) => return "try again later".to_owned(),
        }
    }
    "sold out".to_owned()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use client::{
        httpmock::MockServer,
        orders::{
            mocks::MockServerExt,
            types::{CreateOrderErrorBody, Order, OrderStatus},
        },
    };

    use super::*;

    fn number(number: u64) -> NonZeroU64 {
        NonZeroU64::new(number).unwrap()
    }

    fn error_body(error: CreateOrderErrorMessage) -> CreateOrderErrorBody {
        CreateOrderErrorBody { error, detail: None }
    }

    async fn order_up_to_three(server: &MockServer) -> String {
        let orders = client::orders(&server.base_url(), "SECRET_ORDERS_TOKEN").unwrap();
        order_up_to(&orders, 1, 3).await
    }

    #[tokio::test]
    async fn fewer_are_ordered_if_there_are_fewer() {
        let server = MockServer::start_async().await;
        let body =
            |quantity: u64| NewOrder::builder().product_id(1_u64).quantity(quantity).try_into().unwrap();
        let too_many = server.create_order(|when, then| {
            when.body(&body(3));
            then.client_error(400, &error_body(CreateOrderErrorMessage::NotEnoughStock));
        });
        let order =
            Order { id: number(1), product_id: number(1), quantity: number(2), status: OrderStatus::Pending };
        let enough = server.create_order(|when, then| {
            when.body(&body(2));
            then.created(&order);
        });
        assert_eq!(order_up_to_three(&server).await, "ordered 2");
        assert_eq!((too_many.calls(), enough.calls()), (1, 1));
    }

    #[tokio::test]
    async fn an_unavailable_service_is_not_reported_as_sold_out() {
        let server = MockServer::start_async().await;
        let down = server.create_order(|_, then| {
            then.server_error(503, &error_body(CreateOrderErrorMessage::ServiceUnavailable));
        });
        assert_eq!(order_up_to_three(&server).await, "try again later");
        assert_eq!(down.calls(), 1, "a create without a key is not repeated");
    }
}

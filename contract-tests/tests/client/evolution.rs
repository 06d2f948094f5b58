//! Services of a later version than the client, with error messages, statuses and values that the client's documents lack.

use std::sync::Arc;

use client::{
    Error, ErrorBody,
    orders::types::{CreateOrderErrorMessage, NewOrder},
};
use contract_tests::{
    engine::exchange::Response,
    harness::{
        proxy::Proxy,
        upstream::{FakeUpstream, FaultMode},
    },
};
use serde_json::{Value, json};

use crate::{Console, fails};

/// Status, message and detail of errors that no document has.
const NEW: [(u16, &str, Option<&str>); 5] = [
    (400, "Warehouse is closed", None),
    (400, "Too many items", Some("at most 9 of this product")),
    (409, "Product is being moved", None),
    (429, "Too many requests", None),
    (507, "Ledger is full", None),
];

/// An orders service that responds to every request like this.
fn responding_with(status: u16, text: &str, detail: Option<&str>) -> Proxy {
    let mut body = json!({ "error": text, "since": "1.9.0" });
    if let Some(detail) = detail {
        body["detail"] = detail.into();
    }
    let proxy = Proxy::start("orders");
    let response = Response { status, body: body.to_string().into(), ..Response::default() };
    proxy.tamper(Some(Arc::new(move |_, _| response.clone())));
    proxy
}

pub(crate) fn a_client_has_the_status_and_the_text_of_an_unknown_error(_: &Console) {
    for (status, text, detail) in NEW {
        let upstream = responding_with(status, text, detail);
        let orders = client::orders(upstream.url(), "token").unwrap();
        let order = NewOrder::builder().product_id(1_u64).quantity(3_u64);
        let (created, read) = block_on(async {
            (orders.create_order().body(order).send().await, orders.get_order().id(1).send().await)
        });

        let error = created.unwrap_err();
        let Error::ErrorResponse(response) = &error else { panic!("{error:?}") };
        assert_eq!(response.status(), status);
        assert_eq!(response.error, CreateOrderErrorMessage::Unknown(text.into()));
        assert_eq!((response.text(), response.detail(), response.is_known()), (text, detail, false));
        let cause = client::cause(&error);
        assert!(cause.starts_with(&status.to_string()) && cause.ends_with(text), "{cause}");

        // An operation that documents neither the status nor `detail`.
        let error = read.unwrap_err();
        let Error::ErrorResponse(response) = &error else { panic!("{error:?}") };
        assert_eq!((response.status().as_u16(), response.text()), (status, text));
    }
}

#[tokio::main(flavor = "current_thread")]
async fn block_on<T>(work: impl Future<Output = T>) -> T {
    work.await
}

pub(crate) fn the_console_shows_an_unknown_error_with_its_status(console: &Console) {
    for (status, text, detail) in NEW {
        let upstream = responding_with(status, text, detail);
        let command = |line| {
            let mut command = console.command(line);
            command.env("ORDERS_URL", upstream.url());
            command
        };
        let message = fails(command("orders create --product 1 --quantity 3"), 1, "");
        assert!(message.starts_with(&format!("orders says: {text}.\n")), "{message}");
        assert!(message.contains(&format!("The status is {status} ")), "{message}");
        assert!(message.contains(detail.unwrap_or_default()), "{message}");

        let message = fails(command("orders show 1 --json"), 1, "");
        let message: Value = serde_json::from_str(&message).unwrap();
        assert_eq!((&message["error"], &message["status"]), (&text.into(), &status.into()), "{message}");
    }
}

/// Nothing says what an unknown value of an enum means, which the compatibility gate calls breaking.
pub(crate) fn an_unknown_value_of_an_enum_is_an_undocumented_response(console: &Console) {
    let order = r#"{"id":1,"product_id":1,"quantity":3,"status":"CANCELLED"}"#;
    let upstream = FakeUpstream::start(order, FaultMode::Well);
    let mut command = console.command("orders show 1");
    command.env("ORDERS_URL", upstream.url());
    fails(command, 3, "does not respond as its document says");
}

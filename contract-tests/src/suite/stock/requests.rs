//! The requests that the properties send, and the responses that they expect.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use crate::engine::{
    exchange::{Request, Response},
    failure::Failure,
    session::Session,
};

/// The largest integer that every JSON reader holds exactly.
pub(super) const MAX: u64 = 9_007_199_254_740_991;
/// An id that nothing has.
pub(super) const UNKNOWN: u64 = MAX;

pub(super) const PRODUCT_NOT_FOUND: &str = "Product not found";
pub(super) const PRODUCT_UNAVAILABLE: &str = "Product not found or unavailable";
pub(super) const NOT_ENOUGH_STOCK: &str = "Not enough stock";
pub(super) const ORDER_NOT_FOUND: &str = "Order not found";
pub(super) const ORDER_UNAVAILABLE: &str = "Order not found or unavailable";
pub(super) const MISSING_FIELDS: &str = "Missing fields";
pub(super) const UNAUTHORIZED: &str = "Unauthorized";

pub(super) fn create_product(session: &Session, name: &str, price: f64, stock: u64) -> Result<u64, Failure> {
    let body = json!({ "name": name, "price": price, "stock": stock });
    Ok(session.expect(&session.request("products", "POST", "/products").json(&body), 201, None)?.id())
}

/// Orders, and expects what the stock rule says.
pub(super) fn order(session: &Session, product: u64, quantity: u64, stock: u64) -> Result<(), Failure> {
    let request = order_request(session, product, quantity);
    if quantity > stock {
        session.expect(&request, 400, Some(NOT_ENOUGH_STOCK))?;
        return Ok(());
    }
    let response = session.expect(&request, 201, None)?;
    let expected = json!({ "product_id": product, "quantity": quantity, "status": "PENDING" });
    equal(session, &request, &response, &expected)
}

pub(super) fn order_request(session: &Session, product: u64, quantity: u64) -> Request {
    session.request("orders", "POST", "/orders").json(&json!({ "product_id": product, "quantity": quantity }))
}

/// A name that nothing else has: properties run at once, and against stores that hold other things.
pub(super) fn unique(what: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{what}-{now:x}-{} ", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The response has every field of `expected`, with the same value.
pub(super) fn equal(
    session: &Session,
    request: &Request,
    response: &Response,
    expected: &Value,
) -> Result<(), Failure> {
    if agrees(&response.json(), expected) {
        Ok(())
    } else {
        Err(session.failure(request, response, &expected.to_string()))
    }
}

/// Numbers are compared by value: `200` is `200.0`.
pub(super) fn agrees(actual: &Value, expected: &Value) -> bool {
    let fields = expected.as_object().into_iter().flatten();
    fields.into_iter().all(|(name, expected)| match (&actual[name], expected) {
        (Value::Number(actual), Value::Number(expected)) => match (actual.as_u64(), expected.as_u64()) {
            (Some(actual), Some(expected)) => actual == expected,
            _ => actual.as_f64() == expected.as_f64(),
        },
        (actual, expected) => actual == expected,
    })
}

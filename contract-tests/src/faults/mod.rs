//! Faults that a store could have, one a line, each made on the wire by a proxy before a real service.
//!
//! The suite is trusted because it notices every one of them. A new promise deserves a new line here.

mod answers;
mod behaviour;
mod json;
mod requests;

use serde_json::json;

use self::{answers::*, behaviour::*, json::change, requests::*};
use crate::proxy::Tamper;

/// Where a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before a service, as everybody outside sees it.
    Before(&'static str),
    /// Before a service, as the service that asks it sees it.
    Between(&'static str),
}

/// Something that a store does wrong.
pub struct Fault {
    /// What, as a sentence.
    pub name: &'static str,
    /// Where.
    pub place: Place,
    /// How it comes about.
    pub tamper: Tamper,
}

const PRODUCTS: Place = Place::Before("products");
const ORDERS: Place = Place::Before("orders");
const PAYMENTS: Place = Place::Before("payments");
const STOCK: Place = Place::Between("products");

/// Every fault.
#[rustfmt::skip]
pub fn all() -> Vec<Fault> {
    let fault = |place, name, tamper| Fault { name, place, tamper };
    vec![
        // Statuses.
        fault(PRODUCTS, "a created product is answered 200", status("POST", 201, 200)),
        fault(ORDERS, "a created order is answered 200", status("POST", 201, 200)),
        fault(PAYMENTS, "a created payment is answered 202", status("POST", 201, 202)),
        fault(PRODUCTS, "a replaced product is answered 201", status("PUT", 200, 201)),
        fault(PRODUCTS, "missing fields of a product are 422", text_status("Missing fields", 422)),
        fault(ORDERS, "missing fields of an order are 422", text_status("Missing fields", 422)),
        fault(PAYMENTS, "missing fields of a payment are 422", text_status("Missing fields", 422)),
        fault(PRODUCTS, "invalid fields of a product are 422", text_status("Invalid fields", 422)),
        fault(PRODUCTS, "an unknown product is 410", text_status("Product not found", 410)),
        fault(ORDERS, "an unknown order is 400", text_status("Order not found", 400)),
        fault(PAYMENTS, "an unknown payment is 400", text_status("Payment not found", 400)),
        fault(ORDERS, "too little stock is 409", text_status("Not enough stock", 409)),
        fault(PRODUCTS, "a stranger at products is 403", text_status("Unauthorized", 403)),
        fault(ORDERS, "a stranger at orders is 403", text_status("Unauthorized", 403)),
        fault(PAYMENTS, "a stranger at payments is 404", text_status("Unauthorized", 404)),
        fault(PRODUCTS, "another method is 404", text_status("Method not allowed", 404)),
        fault(ORDERS, "another media type is 400", text_status("Unsupported media type", 400)),
        fault(PAYMENTS, "a body that is too large is 400", text_status("Payload too large", 400)),
        fault(PRODUCTS, "an unknown path is 400", text_status("Not found", 400)),
        // Texts.
        fault(PRODUCTS, "another word", text("Missing fields", "Missing data")),
        fault(ORDERS, "one letter less", text("Missing fields", "Missing field")),
        fault(PAYMENTS, "another case", text("Missing fields", "missing fields")),
        fault(PRODUCTS, "a full stop more", text("Product not found", "Product not found.")),
        fault(ORDERS, "a blank more", text("Order not found", "Order not found ")),
        fault(PRODUCTS, "another case of a stranger's text", text("Unauthorized", "unauthorized")),
        fault(PAYMENTS, "another word for a stranger", text("Unauthorized", "Forbidden")),
        fault(ORDERS, "another case of the stock's text", text("Not enough stock", "Not Enough Stock")),
        fault(ORDERS, "the text of another service", text("Product not found or unavailable", "Product not found")),
        fault(PAYMENTS, "half of a text", text("Order not found or unavailable", "Order not found")),
        fault(PRODUCTS, "an exclamation mark", text("Invalid fields", "Invalid fields!")),
        fault(PRODUCTS, "another key for the text", rename("error", "message")),
        fault(ORDERS, "a code beside the text", edit("POST", |body| if body["error"].is_string() { body["code"] = 1.into() })),
        fault(PAYMENTS, "a text in an object", edit("POST", |body| if body["error"].is_string() { body["error"] = json!({ "text": body["error"] }) })),
        fault(PRODUCTS, "a detail beside every text", edit("GET", |body| if body["error"].is_string() { body["detail"] = "no".into() })),
        fault(PRODUCTS, "no detail", remove("detail")),
        fault(ORDERS, "a detail that names no field", edit("POST", |body| if body["detail"].is_string() { body["detail"] = "wrong".into() })),
        fault(PRODUCTS, "a text that is no JSON", answer("GET", 404, |answer| answer.body = b"Product not found".into())),
        // Fields.
        fault(PRODUCTS, "a product without its stock", remove("stock")),
        fault(ORDERS, "an order without its status", remove("status")),
        fault(PAYMENTS, "a payment without its method", remove("method")),
        fault(PRODUCTS, "a product's price under another name", rename("price", "cost")),
        fault(ORDERS, "an order's product under another name", rename("product_id", "productId")),
        fault(PRODUCTS, "an id that is a text", edit("GET", |body| if body["id"].is_u64() { body["id"] = body["id"].to_string().into() })),
        fault(PRODUCTS, "a price that is a text", edit("GET", |body| if body["price"].is_number() { body["price"] = body["price"].to_string().into() })),
        fault(ORDERS, "a quantity that is a text", edit("POST", |body| if body["quantity"].is_u64() { body["quantity"] = body["quantity"].to_string().into() })),
        fault(PRODUCTS, "price and stock in each other's place", swap("price", "stock")),
        fault(ORDERS, "product and quantity in each other's place", swap("product_id", "quantity")),
        fault(PRODUCTS, "a field too many", edit("GET", |body| if body["id"].is_u64() { body["created"] = 1.into() })),
        fault(PAYMENTS, "fields in another order", answer("POST", 201, reverse_fields)),
        fault(ORDERS, "another status of an order", edit("POST", |body| if body["id"].is_u64() { body["status"] = "CONFIRMED".into() })),
        fault(ORDERS, "another case of an order's status", edit("GET", |body| if body["id"].is_u64() { body["status"] = "pending".into() })),
        fault(PAYMENTS, "another status of a payment", edit("POST", |body| if body["id"].is_u64() { body["status"] = "OK".into() })),
        fault(PRODUCTS, "whole numbers with a fraction of zero", answer("GET", 200, fraction_of_zero)),
        fault(ORDERS, "an order in an array", edit("GET", |body| if body["id"].is_u64() { *body = json!([*body]) })),
        // Values altered on write.
        fault(PRODUCTS, "prices are cut to whole numbers on create", write("POST", |body| change(body, "price", f64::trunc))),
        fault(PRODUCTS, "prices are cut to whole numbers on replace", write("PUT", |body| change(body, "price", f64::trunc))),
        fault(PRODUCTS, "names are kept in lower case", write("POST", |body| if let Some(name) = body["name"].as_str() { body["name"] = name.to_lowercase().into() })),
        fault(PRODUCTS, "names are kept without their ends", write("POST", |body| if let Some(name) = body["name"].as_str() { body["name"] = name.chars().take(10).collect::<String>().into() })),
        fault(PRODUCTS, "one more is kept in stock", write("POST", |body| change(body, "stock", |stock| stock + 1.0))),
        fault(ORDERS, "quantities are cut to a hundred", write("POST", |body| change(body, "quantity", |quantity| quantity.min(100.0)))),
        fault(PAYMENTS, "amounts are rounded", write("POST", |body| change(body, "amount", f64::round))),
        fault(PAYMENTS, "the method is always the same", write("POST", |body| if body["method"].as_str().is_some_and(|method| !method.is_empty()) { body["method"] = "fake-card".into() })),
        // Values altered on read.
        fault(PRODUCTS, "a product is read with one more in stock", read("/products/", |body| change(body, "stock", |stock| stock + 1.0))),
        fault(PRODUCTS, "a product is read with a rounded price", read("/products/", |body| change(body, "price", f64::round))),
        fault(ORDERS, "an order is read with one more", read("/orders/", |body| change(body, "quantity", |quantity| quantity + 1.0))),
        fault(PAYMENTS, "a payment is read with a rounded amount", read("/payments/", |body| change(body, "amount", |amount| amount - 1.0))),
        fault(PRODUCTS, "prices are rounded in the list", list(|products| products.iter_mut().for_each(|product| change(product, "price", f64::round)))),
        fault(PRODUCTS, "names are in upper case in the list", list(|products| products.iter_mut().for_each(upper_case_name))),
        // The list.
        fault(PRODUCTS, "the newest is not in the list", list(|products| drop(products.pop()))),
        fault(PRODUCTS, "the oldest is not in the list", list(|products| { if products.len() > 1 { drop(products.remove(0)) } })),
        fault(PRODUCTS, "the newest is in the list twice", list(|products| products.extend(products.last().cloned()))),
        fault(PRODUCTS, "the list is empty", list(Vec::clear)),
        fault(PRODUCTS, "the list has a hundred at most", list(|products| products.truncate(5))),
        fault(PRODUCTS, "the list is in an object", edit("GET", |body| if body.is_array() { *body = json!({ "products": body }) })),
        fault(PRODUCTS, "a page is longer than it was asked to be", forward_path(|path| path.replace("limit=1", "limit=2"))),
        fault(PRODUCTS, "the length of a page is ignored", forward_path(|path| path.replace("?limit=", "?ignored="))),
        fault(PRODUCTS, "a page begins at the beginning again", forward_path(|path| path.split("&after").next().unwrap_or_default().into())),
        // Writes that are not done, or done otherwise.
        fault(PRODUCTS, "a product is answered but not created", when("POST", 201, |request, forward| invented(request, forward))),
        fault(ORDERS, "an order is answered but not created", when("POST", 201, |request, forward| invented(request, forward))),
        fault(PRODUCTS, "a replacement is answered but not stored", replace_without_storing()),
        fault(PRODUCTS, "a replacement's name is not stored", replace_but("name")),
        fault(PRODUCTS, "a replacement's price is not stored", replace_but("price")),
        fault(PRODUCTS, "a replacement's stock is not stored", replace_but("stock")),
        fault(PRODUCTS, "a product is created twice", twice("POST")),
        fault(ORDERS, "an order is created twice", twice("POST")),
        fault(PRODUCTS, "a refused product is created all the same", despite_refusal("POST")),
        fault(PRODUCTS, "a refused replacement is stored all the same", despite_refusal("PUT")),
        fault(PRODUCTS, "a stranger's product is created all the same", despite_stranger("POST", "SECRET_PRODUCTS_TOKEN")),
        fault(PRODUCTS, "a stranger's replacement is stored all the same", despite_stranger("PUT", "SECRET_PRODUCTS_TOKEN")),
        fault(ORDERS, "a stranger's order is created all the same", despite_stranger("POST", "SECRET_ORDERS_TOKEN")),
        fault(PRODUCTS, "replacing an unknown product creates one", upsert()),
        fault(PRODUCTS, "replacing keeps what is not sent", merge()),
        fault(PRODUCTS, "replacing twice is refused", replace_once()),
        fault(PRODUCTS, "reading takes one from the stock", reading_takes()),
        fault(PRODUCTS, "every product has the same id", answer("POST", 201, |answer| set(answer, "id", 1.into()))),
        fault(ORDERS, "every order has the same id", answer("POST", 201, |answer| set(answer, "id", 1.into()))),
        // What is missing and what is not.
        fault(PRODUCTS, "a price of zero is missing", zero_is_missing("price")),
        fault(PRODUCTS, "a stock of zero is missing", zero_is_missing("stock")),
        fault(PAYMENTS, "an amount of zero is missing", zero_is_missing("amount")),
        fault(PRODUCTS, "an empty name is a name", write("POST", |body| if body["name"] == "" { body["name"] = "unnamed".into() })),
        fault(PAYMENTS, "an empty method is a method", write("POST", |body| if body["method"] == "" { body["method"] = "unknown".into() })),
        fault(PRODUCTS, "null is zero", write("POST", |body| if body["stock"].is_null() { body["stock"] = 0.into() })),
        fault(ORDERS, "a missing quantity is one", write("POST", |body| if body["quantity"].is_null() { body["quantity"] = 1.into() })),
        fault(PAYMENTS, "a missing amount is nothing", write("POST", |body| if body["amount"].is_null() { body["amount"] = 0.into() })),
        fault(PRODUCTS, "numbers are read from texts", write("POST", numbers_from_texts)),
        fault(PRODUCTS, "prices have no upper bound", write("POST", |body| change(body, "price", |price| price.min(1e12)))),
        fault(ORDERS, "quantities have no lower bound", write("POST", |body| change(body, "quantity", |quantity| quantity.max(1.0)))),
        fault(PRODUCTS, "an id that is none is read as one", forward_path(|path| path.replace("/01", "/1").replace("/+1", "/1"))),
        fault(PRODUCTS, "stocks are rounded before they are judged", write("POST", |body| round_when_read(body, "stock"))),
        fault(ORDERS, "quantities are rounded before they are judged", write("POST", |body| round_when_read(body, "quantity"))),
        fault(PAYMENTS, "orders are rounded before they are judged", write("POST", |body| round_when_read(body, "order_id"))),
        fault(PRODUCTS, "prices are rounded before they are judged", rounded_fractions()),
        fault(PAYMENTS, "amounts are rounded before they are judged", rounded_fractions()),
        fault(PRODUCTS, "a price is answered with more digits than it has", answer("GET", 200, digits_too_many)),
        fault(PRODUCTS, "null characters are cut off a name", write("POST", |body| without_null(body, "name"))),
        fault(PAYMENTS, "null characters are cut off a method", write("POST", |body| without_null(body, "method"))),
        // Time.
        fault(PRODUCTS, "products does not look at how long its caller waits", without_header("x-request-timeout-ms")),
        fault(ORDERS, "orders does not look at how long its caller waits", without_header("x-request-timeout-ms")),
        fault(PAYMENTS, "payments does not look at how long its caller waits", without_header("x-request-timeout-ms")),
        // The order of the checks.
        fault(PRODUCTS, "the body is looked at before the token", body_first("Missing fields")),
        fault(ORDERS, "the order's body is looked at before the token", body_first("Missing fields")),
        fault(PRODUCTS, "the product is looked for before the body", existence_first()),
        fault(ORDERS, "the stock is looked at before the product", text_if("Product not found or unavailable", "1000000", "Not enough stock")),
        // Tokens.
        fault(PRODUCTS, "products is open", with_token("SECRET_PRODUCTS_TOKEN", |_| true)),
        fault(ORDERS, "orders is open", with_token("SECRET_ORDERS_TOKEN", |_| true)),
        fault(PAYMENTS, "payments is open", with_token("SECRET_PAYMENTS_TOKEN", |_| true)),
        fault(PRODUCTS, "any token opens products", with_token("SECRET_PRODUCTS_TOKEN", |request| token(request).is_some())),
        fault(ORDERS, "any token opens orders", with_token("SECRET_ORDERS_TOKEN", |request| token(request).is_some())),
        fault(PAYMENTS, "any token opens payments", with_token("SECRET_PAYMENTS_TOKEN", |request| token(request).is_some())),
        fault(PRODUCTS, "the token of orders opens products", with_token("SECRET_PRODUCTS_TOKEN", |request| token(request) == Some("SECRET_ORDERS_TOKEN"))),
        fault(ORDERS, "the token of products opens orders", with_token("SECRET_ORDERS_TOKEN", |request| token(request) == Some("SECRET_PRODUCTS_TOKEN"))),
        fault(PAYMENTS, "the token of products opens payments", with_token("SECRET_PAYMENTS_TOKEN", |request| token(request) == Some("SECRET_PRODUCTS_TOKEN"))),
        fault(PRODUCTS, "the beginning of the token opens products", with_token("SECRET_PRODUCTS_TOKEN", |request| token(request).is_some_and(|token| token.len() > 8 && "SECRET_PRODUCTS_TOKEN".starts_with(token)))),
        fault(ORDERS, "more than the token opens orders", with_token("SECRET_ORDERS_TOKEN", |request| token(request).is_some_and(|token| token.starts_with("SECRET_ORDERS_TOKEN")))),
        fault(PAYMENTS, "the token in any case opens payments", with_token("SECRET_PAYMENTS_TOKEN", |request| token(request).is_some_and(|token| token.eq_ignore_ascii_case("SECRET_PAYMENTS_TOKEN")))),
        fault(PRODUCTS, "reading products is open", with_token("SECRET_PRODUCTS_TOKEN", |request| request.method == "GET")),
        fault(PRODUCTS, "writing products is open", with_token("SECRET_PRODUCTS_TOKEN", |request| request.method != "GET")),
        fault(PRODUCTS, "only the list is open", with_token("SECRET_PRODUCTS_TOKEN", |request| request.method == "GET" && request.path == "/products")),
        fault(PRODUCTS, "only replacing is open", with_token("SECRET_PRODUCTS_TOKEN", |request| request.method == "PUT")),
        fault(ORDERS, "reading orders is open", with_token("SECRET_ORDERS_TOKEN", |request| request.method == "GET")),
        fault(ORDERS, "writing orders is open", with_token("SECRET_ORDERS_TOKEN", |request| request.method == "POST")),
        fault(PAYMENTS, "reading payments is open", with_token("SECRET_PAYMENTS_TOKEN", |request| request.method == "GET")),
        fault(PRODUCTS, "of several tokens of products the first counts", with_token("SECRET_PRODUCTS_TOKEN", |request| token(request) == Some("SECRET_PRODUCTS_TOKEN"))),
        fault(ORDERS, "of several tokens of orders any counts", with_token("SECRET_ORDERS_TOKEN", |request| request.headers.iter().any(|(_, value)| value == "Bearer SECRET_ORDERS_TOKEN"))),
        fault(PAYMENTS, "a scheme that is written twice opens payments", with_token("SECRET_PAYMENTS_TOKEN", |request| header(request) == Some("Bearer Bearer SECRET_PAYMENTS_TOKEN"))),
        fault(ORDERS, "a token without its scheme opens orders", with_token("SECRET_ORDERS_TOKEN", |request| header(request) == Some("SECRET_ORDERS_TOKEN"))),
        // The stock rule.
        fault(STOCK, "one more than the stock can be ordered", read("/products/", |body| change(body, "stock", |stock| stock + 1.0))),
        fault(STOCK, "the last one cannot be ordered", read("/products/", |body| change(body, "stock", |stock| (stock - 1.0).max(0.0)))),
        fault(STOCK, "only a stock of zero is looked at", read("/products/", |body| change(body, "stock", |stock| if stock > 0.0 { 9e15 } else { 0.0 }))),
        fault(STOCK, "the stock is not looked at", read("/products/", |body| change(body, "stock", |_| 9e15))),
        fault(STOCK, "no more than a hundred can be ordered", read("/products/", |body| change(body, "stock", |stock| stock.min(100.0)))),
        fault(STOCK, "no more than a thousand can be ordered", read("/products/", |body| change(body, "stock", |stock| stock.min(1000.0)))),
        fault(STOCK, "nobody can order what is there", read("/products/", |body| change(body, "stock", |_| 0.0))),
        fault(STOCK, "a product that was seen once is not asked for again", remember()),
        fault(STOCK, "an order takes from the stock", reading_takes()),
        // Creating once.
        fault(PRODUCTS, "a key of products is not looked at", without_header("idempotency-key")),
        fault(ORDERS, "a key of orders is not looked at", without_header("idempotency-key")),
        fault(PAYMENTS, "a key of payments is not looked at", without_header("idempotency-key")),
        fault(PRODUCTS, "a key that was used is 409", text_status("Idempotency key reused", 409)),
        fault(ORDERS, "another text for a key that was used", text("Idempotency key reused", "Idempotency-Key reused")),
        fault(PRODUCTS, "a product that was refused for want of time is created all the same", despite_timeout()),
        fault(ORDERS, "an order that was refused for want of time is created all the same", despite_timeout()),
        fault(PAYMENTS, "a payment that was refused for want of time is created all the same", despite_timeout()),
        fault(ORDERS, "want of time is a product that is unavailable", answer("POST", 503, |answer| { answer.status = 400; answer.body = b"{\"error\":\"Product not found or unavailable\"}".into() })),
        fault(PRODUCTS, "a repeated response does not say that it is one", with_header("Idempotency-Replayed", None)),
        fault(PAYMENTS, "a first response says that it is repeated", answer("POST", 201, |answer| answer.headers.push(("Idempotency-Replayed".into(), "true".into())))),
        fault(ORDERS, "a repeated response is 200", answer("POST", 201, |answer| if answer.header("Idempotency-Replayed").is_some() { answer.status = 200 })),
        fault(PRODUCTS, "a repeated response does not say where its product is", answer("POST", 201, |answer| if answer.header("Idempotency-Replayed").is_some() { answer.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("location")) })),
        fault(PRODUCTS, "two bodies under one key are both created", key_of_its_own_for_each_body()),
        fault(ORDERS, "two orders under one key are both created", key_of_its_own_for_each_body()),
        fault(PAYMENTS, "two payments under one key are both created", key_of_its_own_for_each_body()),
        fault(PRODUCTS, "two bodies under one key are an internal error", answer("POST", 422, |answer| { answer.status = 500; answer.body = b"{\"error\":\"Internal error\"}".into() })),
        fault(ORDERS, "another order under a key gets the answer of the first", first_answer_of_a_key()),
        fault(PAYMENTS, "a stranger who knows a key gets its answer", first_answer_of_a_key()),
        // Unavailable upstreams.
        fault(ORDERS, "an unavailable product is 404", text_status("Product not found or unavailable", 404)),
        fault(ORDERS, "an unavailable product is 500", text_status("Product not found or unavailable", 500)),
        fault(ORDERS, "an unavailable product is 503", text_status("Product not found or unavailable", 503)),
        fault(ORDERS, "an unavailable product is one without stock", text("Product not found or unavailable", "Not enough stock")),
        fault(PAYMENTS, "an unavailable order is 404", text_status("Order not found or unavailable", 404)),
        fault(PAYMENTS, "an unavailable order is 503", text_status("Order not found or unavailable", 503)),
        fault(Place::Between("orders"), "an unknown order can be paid", found_anyway()),
        // Content types and headers.
        fault(PRODUCTS, "answers are HTML", with_header("Content-Type", Some("text/html"))),
        fault(ORDERS, "answers have a charset", with_header("Content-Type", Some("application/json; charset=utf-8"))),
        fault(PAYMENTS, "answers have no type", with_header("Content-Type", None)),
        fault(PRODUCTS, "unauthenticated are not told how to authenticate", with_header("WWW-Authenticate", None)),
        fault(ORDERS, "unauthenticated are told another realm", with_header("WWW-Authenticate", Some("Bearer realm=\"store\""))),
        fault(PRODUCTS, "what was created does not say where it is", with_header("Location", None)),
        fault(ORDERS, "what was created is said to be elsewhere", with_header("Location", Some("/orders/1000000"))),
        fault(PAYMENTS, "who is refused for now is not told when to come again", with_header("Retry-After", None)),
        fault(PRODUCTS, "a page does not say where the next one is", with_header("Link", None)),
        fault(PRODUCTS, "a page says that it is the next", with_header("Link", Some("</products?limit=1>; rel=\"next\""))),
        fault(PRODUCTS, "a path does not say which methods it knows", with_header("Allow", None)),
        fault(ORDERS, "a path says that it knows others", with_header("Allow", Some("GET"))),
    ]
}

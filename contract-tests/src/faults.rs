//! Faults that a store could have, one a line, each made on the wire by a proxy before a real service.
//!
//! The suite is trusted because it notices every one of them. A new promise deserves a new line here.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    exchange::{Answer, Request},
    proxy::{Forward, Tamper},
};

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
        fault(
            ORDERS,
            "the text of another service",
            text("Product not found or unavailable", "Product not found"),
        ),
        fault(PAYMENTS, "half of a text", text("Order not found or unavailable", "Order not found")),
        fault(PRODUCTS, "an exclamation mark", text("Invalid fields", "Invalid fields!")),
        fault(PRODUCTS, "another key for the text", rename("error", "message")),
        fault(
            ORDERS,
            "a code beside the text",
            edit("POST", |body| {
                if body["error"].is_string() {
                    body["code"] = 1.into()
                }
            }),
        ),
        fault(
            PAYMENTS,
            "a text in an object",
            edit("POST", |body| {
                if body["error"].is_string() {
                    body["error"] = json!({ "text": body["error"] })
                }
            }),
        ),
        fault(
            PRODUCTS,
            "a detail beside every text",
            edit("GET", |body| {
                if body["error"].is_string() {
                    body["detail"] = "no".into()
                }
            }),
        ),
        fault(PRODUCTS, "no detail", remove("detail")),
        fault(
            ORDERS,
            "a detail that names no field",
            edit("POST", |body| {
                if body["detail"].is_string() {
                    body["detail"] = "wrong".into()
                }
            }),
        ),
        fault(
            PRODUCTS,
            "a text that is no JSON",
            answer("GET", 404, |answer| answer.body = b"Product not found".into()),
        ),
        // Fields.
        fault(PRODUCTS, "a product without its stock", remove("stock")),
        fault(ORDERS, "an order without its status", remove("status")),
        fault(PAYMENTS, "a payment without its method", remove("method")),
        fault(PRODUCTS, "a product's price under another name", rename("price", "cost")),
        fault(ORDERS, "an order's product under another name", rename("product_id", "productId")),
        fault(
            PRODUCTS,
            "an id that is a text",
            edit("GET", |body| {
                if body["id"].is_u64() {
                    body["id"] = body["id"].to_string().into()
                }
            }),
        ),
        fault(
            PRODUCTS,
            "a price that is a text",
            edit("GET", |body| {
                if body["price"].is_number() {
                    body["price"] = body["price"].to_string().into()
                }
            }),
        ),
        fault(
            ORDERS,
            "a quantity that is a text",
            edit("POST", |body| {
                if body["quantity"].is_u64() {
                    body["quantity"] = body["quantity"].to_string().into()
                }
            }),
        ),
        fault(PRODUCTS, "price and stock in each other's place", swap("price", "stock")),
        fault(ORDERS, "product and quantity in each other's place", swap("product_id", "quantity")),
        fault(
            PRODUCTS,
            "a field too many",
            edit("GET", |body| {
                if body["id"].is_u64() {
                    body["created"] = 1.into()
                }
            }),
        ),
        fault(PAYMENTS, "fields in another order", answer("POST", 201, reverse_fields)),
        fault(
            ORDERS,
            "another status of an order",
            edit("POST", |body| {
                if body["id"].is_u64() {
                    body["status"] = "CONFIRMED".into()
                }
            }),
        ),
        fault(
            ORDERS,
            "another case of an order's status",
            edit("GET", |body| {
                if body["id"].is_u64() {
                    body["status"] = "pending".into()
                }
            }),
        ),
        fault(
            PAYMENTS,
            "another status of a payment",
            edit("POST", |body| {
                if body["id"].is_u64() {
                    body["status"] = "OK".into()
                }
            }),
        ),
        fault(PRODUCTS, "whole numbers with a fraction of zero", answer("GET", 200, fraction_of_zero)),
        fault(
            ORDERS,
            "an order in an array",
            edit("GET", |body| {
                if body["id"].is_u64() {
                    *body = json!([*body])
                }
            }),
        ),
        // Values altered on write.
        fault(
            PRODUCTS,
            "prices are cut to whole numbers on create",
            write("POST", |body| change(body, "price", f64::trunc)),
        ),
        fault(
            PRODUCTS,
            "prices are cut to whole numbers on replace",
            write("PUT", |body| change(body, "price", f64::trunc)),
        ),
        fault(
            PRODUCTS,
            "names are kept in lower case",
            write("POST", |body| {
                if let Some(name) = body["name"].as_str() {
                    body["name"] = name.to_lowercase().into()
                }
            }),
        ),
        fault(
            PRODUCTS,
            "names are kept without their ends",
            write("POST", |body| {
                if let Some(name) = body["name"].as_str() {
                    body["name"] = name.chars().take(10).collect::<String>().into()
                }
            }),
        ),
        fault(
            PRODUCTS,
            "one more is kept in stock",
            write("POST", |body| change(body, "stock", |stock| stock + 1.0)),
        ),
        fault(
            ORDERS,
            "quantities are cut to a hundred",
            write("POST", |body| change(body, "quantity", |quantity| quantity.min(100.0))),
        ),
        fault(PAYMENTS, "amounts are rounded", write("POST", |body| change(body, "amount", f64::round))),
        fault(
            PAYMENTS,
            "the method is always the same",
            write("POST", |body| {
                if body["method"].as_str().is_some_and(|method| !method.is_empty()) {
                    body["method"] = "fake-card".into()
                }
            }),
        ),
        // Values altered on read.
        fault(
            PRODUCTS,
            "a product is read with one more in stock",
            read("/products/", |body| change(body, "stock", |stock| stock + 1.0)),
        ),
        fault(
            PRODUCTS,
            "a product is read with a rounded price",
            read("/products/", |body| change(body, "price", f64::round)),
        ),
        fault(
            ORDERS,
            "an order is read with one more",
            read("/orders/", |body| change(body, "quantity", |quantity| quantity + 1.0)),
        ),
        fault(
            PAYMENTS,
            "a payment is read with a rounded amount",
            read("/payments/", |body| change(body, "amount", |amount| amount - 1.0)),
        ),
        fault(
            PRODUCTS,
            "prices are rounded in the list",
            list(|products| products.iter_mut().for_each(|product| change(product, "price", f64::round))),
        ),
        fault(
            PRODUCTS,
            "names are in upper case in the list",
            list(|products| products.iter_mut().for_each(upper_case_name)),
        ),
        // The list.
        fault(PRODUCTS, "the newest is not in the list", list(|products| drop(products.pop()))),
        fault(
            PRODUCTS,
            "the oldest is not in the list",
            list(|products| {
                if products.len() > 1 {
                    drop(products.remove(0))
                }
            }),
        ),
        fault(
            PRODUCTS,
            "the newest is in the list twice",
            list(|products| products.extend(products.last().cloned())),
        ),
        fault(PRODUCTS, "the list is empty", list(Vec::clear)),
        fault(PRODUCTS, "the list has a hundred at most", list(|products| products.truncate(5))),
        fault(
            PRODUCTS,
            "the list is in an object",
            edit("GET", |body| {
                if body.is_array() {
                    *body = json!({ "products": body })
                }
            }),
        ),
        fault(
            PRODUCTS,
            "a page is longer than it was asked to be",
            forward_path(|path| path.replace("limit=1", "limit=2")),
        ),
        fault(
            PRODUCTS,
            "a page begins at the beginning again",
            forward_path(|path| path.split("&after").next().unwrap_or_default().into()),
        ),
        // Writes that are not done, or done otherwise.
        fault(
            PRODUCTS,
            "a product is answered but not created",
            when("POST", 201, |request, forward| invented(request, forward)),
        ),
        fault(
            ORDERS,
            "an order is answered but not created",
            when("POST", 201, |request, forward| invented(request, forward)),
        ),
        fault(PRODUCTS, "a replacement is answered but not stored", replace_without_storing()),
        fault(PRODUCTS, "a replacement's name is not stored", replace_but("name")),
        fault(PRODUCTS, "a replacement's price is not stored", replace_but("price")),
        fault(PRODUCTS, "a replacement's stock is not stored", replace_but("stock")),
        fault(PRODUCTS, "a product is created twice", twice("POST")),
        fault(ORDERS, "an order is created twice", twice("POST")),
        fault(PRODUCTS, "a refused product is created all the same", despite_refusal()),
        fault(PRODUCTS, "a refused replacement is stored all the same", replace_despite_refusal()),
        fault(
            PRODUCTS,
            "a stranger's product is created all the same",
            despite_stranger("POST", "SECRET_PRODUCTS_TOKEN"),
        ),
        fault(
            PRODUCTS,
            "a stranger's replacement is stored all the same",
            despite_stranger("PUT", "SECRET_PRODUCTS_TOKEN"),
        ),
        fault(
            ORDERS,
            "a stranger's order is created all the same",
            despite_stranger("POST", "SECRET_ORDERS_TOKEN"),
        ),
        fault(PRODUCTS, "replacing an unknown product creates one", upsert()),
        fault(PRODUCTS, "replacing keeps what is not sent", merge()),
        fault(PRODUCTS, "replacing twice is refused", replace_once()),
        fault(PRODUCTS, "reading takes one from the stock", read_alters()),
        fault(
            PRODUCTS,
            "every product has the same id",
            answer("POST", 201, |answer| set(answer, "id", 1.into())),
        ),
        fault(
            ORDERS,
            "every order has the same id",
            answer("POST", 201, |answer| set(answer, "id", 1.into())),
        ),
        // What is missing and what is not.
        fault(PRODUCTS, "a price of zero is missing", zero_is_missing("price")),
        fault(PRODUCTS, "a stock of zero is missing", zero_is_missing("stock")),
        fault(PAYMENTS, "an amount of zero is missing", zero_is_missing("amount")),
        fault(
            PRODUCTS,
            "an empty name is a name",
            write("POST", |body| {
                if body["name"] == "" {
                    body["name"] = "unnamed".into()
                }
            }),
        ),
        fault(
            PAYMENTS,
            "an empty method is a method",
            write("POST", |body| {
                if body["method"] == "" {
                    body["method"] = "unknown".into()
                }
            }),
        ),
        fault(
            PRODUCTS,
            "null is zero",
            write("POST", |body| {
                if body["stock"].is_null() {
                    body["stock"] = 0.into()
                }
            }),
        ),
        fault(
            ORDERS,
            "a missing quantity is one",
            write("POST", |body| {
                if body["quantity"].is_null() {
                    body["quantity"] = 1.into()
                }
            }),
        ),
        fault(
            PAYMENTS,
            "a missing amount is nothing",
            write("POST", |body| {
                if body["amount"].is_null() {
                    body["amount"] = 0.into()
                }
            }),
        ),
        fault(PRODUCTS, "numbers are read from texts", write("POST", numbers_from_texts)),
        fault(
            PRODUCTS,
            "prices have no upper bound",
            write("POST", |body| change(body, "price", |price| price.min(1e12))),
        ),
        fault(
            ORDERS,
            "quantities have no lower bound",
            write("POST", |body| change(body, "quantity", |quantity| quantity.max(1.0))),
        ),
        fault(
            PRODUCTS,
            "an id that is none is read as one",
            forward_path(|path| path.replace("/01", "/1").replace("/+1", "/1")),
        ),
        // The order of the checks.
        fault(PRODUCTS, "the body is looked at before the token", body_first("Missing fields")),
        fault(ORDERS, "the order's body is looked at before the token", body_first("Missing fields")),
        fault(PRODUCTS, "the product is looked for before the body", existence_first()),
        fault(
            ORDERS,
            "the stock is looked at before the product",
            text_if("Product not found or unavailable", "1000000", "Not enough stock"),
        ),
        // Tokens.
        fault(PRODUCTS, "products is open", with_token("SECRET_PRODUCTS_TOKEN", |_| true)),
        fault(ORDERS, "orders is open", with_token("SECRET_ORDERS_TOKEN", |_| true)),
        fault(PAYMENTS, "payments is open", with_token("SECRET_PAYMENTS_TOKEN", |_| true)),
        fault(
            PRODUCTS,
            "any token opens products",
            with_token("SECRET_PRODUCTS_TOKEN", |request| token(request).is_some()),
        ),
        fault(
            ORDERS,
            "any token opens orders",
            with_token("SECRET_ORDERS_TOKEN", |request| token(request).is_some()),
        ),
        fault(
            PAYMENTS,
            "any token opens payments",
            with_token("SECRET_PAYMENTS_TOKEN", |request| token(request).is_some()),
        ),
        fault(
            PRODUCTS,
            "the token of orders opens products",
            with_token("SECRET_PRODUCTS_TOKEN", |request| token(request) == Some("SECRET_ORDERS_TOKEN")),
        ),
        fault(
            ORDERS,
            "the token of products opens orders",
            with_token("SECRET_ORDERS_TOKEN", |request| token(request) == Some("SECRET_PRODUCTS_TOKEN")),
        ),
        fault(
            PAYMENTS,
            "the token of products opens payments",
            with_token("SECRET_PAYMENTS_TOKEN", |request| token(request) == Some("SECRET_PRODUCTS_TOKEN")),
        ),
        fault(
            PRODUCTS,
            "the beginning of the token opens products",
            with_token("SECRET_PRODUCTS_TOKEN", |request| {
                token(request)
                    .is_some_and(|token| token.len() > 8 && "SECRET_PRODUCTS_TOKEN".starts_with(token))
            }),
        ),
        fault(
            ORDERS,
            "more than the token opens orders",
            with_token("SECRET_ORDERS_TOKEN", |request| {
                token(request).is_some_and(|token| token.starts_with("SECRET_ORDERS_TOKEN"))
            }),
        ),
        fault(
            PAYMENTS,
            "the token in any case opens payments",
            with_token("SECRET_PAYMENTS_TOKEN", |request| {
                token(request).is_some_and(|token| token.eq_ignore_ascii_case("SECRET_PAYMENTS_TOKEN"))
            }),
        ),
        fault(
            PRODUCTS,
            "reading products is open",
            with_token("SECRET_PRODUCTS_TOKEN", |request| request.method == "GET"),
        ),
        fault(
            PRODUCTS,
            "writing products is open",
            with_token("SECRET_PRODUCTS_TOKEN", |request| request.method != "GET"),
        ),
        fault(
            PRODUCTS,
            "only the list is open",
            with_token("SECRET_PRODUCTS_TOKEN", |request| {
                request.method == "GET" && request.path == "/products"
            }),
        ),
        fault(
            PRODUCTS,
            "only replacing is open",
            with_token("SECRET_PRODUCTS_TOKEN", |request| request.method == "PUT"),
        ),
        fault(
            ORDERS,
            "reading orders is open",
            with_token("SECRET_ORDERS_TOKEN", |request| request.method == "GET"),
        ),
        fault(
            ORDERS,
            "writing orders is open",
            with_token("SECRET_ORDERS_TOKEN", |request| request.method == "POST"),
        ),
        fault(
            PAYMENTS,
            "reading payments is open",
            with_token("SECRET_PAYMENTS_TOKEN", |request| request.method == "GET"),
        ),
        fault(
            ORDERS,
            "a token without its scheme opens orders",
            with_token("SECRET_ORDERS_TOKEN", |request| header(request) == Some("SECRET_ORDERS_TOKEN")),
        ),
        // The stock rule.
        fault(
            STOCK,
            "one more than the stock can be ordered",
            read("/products/", |body| change(body, "stock", |stock| stock + 1.0)),
        ),
        fault(
            STOCK,
            "the last one cannot be ordered",
            read("/products/", |body| change(body, "stock", |stock| (stock - 1.0).max(0.0))),
        ),
        fault(
            STOCK,
            "only a stock of zero is looked at",
            read("/products/", |body| change(body, "stock", |stock| if stock > 0.0 { 9e15 } else { 0.0 })),
        ),
        fault(
            STOCK,
            "the stock is not looked at",
            read("/products/", |body| change(body, "stock", |_| 9e15)),
        ),
        fault(
            STOCK,
            "no more than a hundred can be ordered",
            read("/products/", |body| change(body, "stock", |stock| stock.min(100.0))),
        ),
        fault(
            STOCK,
            "no more than a thousand can be ordered",
            read("/products/", |body| change(body, "stock", |stock| stock.min(1000.0))),
        ),
        fault(
            STOCK,
            "nobody can order what is there",
            read("/products/", |body| change(body, "stock", |_| 0.0)),
        ),
        fault(STOCK, "a product that was seen once is not asked for again", remember()),
        fault(STOCK, "an order takes from the stock", takes_stock()),
        // Unavailable neighbours.
        fault(ORDERS, "an unavailable product is 404", text_status("Product not found or unavailable", 404)),
        fault(ORDERS, "an unavailable product is 500", text_status("Product not found or unavailable", 500)),
        fault(ORDERS, "an unavailable product is 503", text_status("Product not found or unavailable", 503)),
        fault(
            ORDERS,
            "an unavailable product is one without stock",
            text("Product not found or unavailable", "Not enough stock"),
        ),
        fault(PAYMENTS, "an unavailable order is 404", text_status("Order not found or unavailable", 404)),
        fault(PAYMENTS, "an unavailable order is 503", text_status("Order not found or unavailable", 503)),
        fault(Place::Between("orders"), "an unknown order can be paid", found_anyway()),
        // Content types and headers.
        fault(PRODUCTS, "answers are HTML", with_header("Content-Type", Some("text/html"))),
        fault(
            ORDERS,
            "answers have a charset",
            with_header("Content-Type", Some("application/json; charset=utf-8")),
        ),
        fault(PAYMENTS, "answers have no type", with_header("Content-Type", None)),
        fault(PRODUCTS, "strangers are not told how to authenticate", with_header("WWW-Authenticate", None)),
        fault(
            ORDERS,
            "strangers are told another realm",
            with_header("WWW-Authenticate", Some("Bearer realm=\"store\"")),
        ),
        fault(PRODUCTS, "what was created does not say where it is", with_header("Location", None)),
        fault(
            ORDERS,
            "what was created is said to be elsewhere",
            with_header("Location", Some("/orders/1000000")),
        ),
        fault(PRODUCTS, "a page does not say where the next one is", with_header("Link", None)),
        fault(
            PRODUCTS,
            "a page says that it is the next",
            with_header("Link", Some("</products?limit=1>; rel=\"next\"")),
        ),
        fault(PRODUCTS, "a path does not say which methods it knows", with_header("Allow", None)),
        fault(ORDERS, "a path says that it knows others", with_header("Allow", Some("GET"))),
    ]
}

// ---- answers

/// Alters answers to `method` that have this status.
fn answer(method: &'static str, status: u16, alter: impl Fn(&mut Answer) + Send + Sync + 'static) -> Tamper {
    Arc::new(move |request, forward| {
        let mut answer = forward(&request);
        if request.method == method && answer.status == status {
            alter(&mut answer);
        }
        answer
    })
}

fn status(method: &'static str, from: u16, to: u16) -> Tamper {
    answer(method, from, move |answer| answer.status = to)
}

/// Alters the JSON of answers to `method`.
fn edit(method: &'static str, alter: impl Fn(&mut Value) + Send + Sync + 'static) -> Tamper {
    edit_if(move |request| request.method == method, alter)
}

/// Alters the JSON of what is read below `path`.
fn read(path: &'static str, alter: impl Fn(&mut Value) + Send + Sync + 'static) -> Tamper {
    edit_if(move |request| request.method == "GET" && request.path.starts_with(path), alter)
}

fn list(alter: impl Fn(&mut Vec<Value>) + Send + Sync + 'static) -> Tamper {
    edit("GET", move |body| body.as_array_mut().into_iter().for_each(&alter))
}

fn edit_if(
    applies: impl Fn(&Request) -> bool + Send + Sync + 'static,
    alter: impl Fn(&mut Value) + Send + Sync + 'static,
) -> Tamper {
    Arc::new(move |request, forward| {
        let mut answer = forward(&request);
        if applies(&request) {
            edit_body(&mut answer.body, &alter);
        }
        answer
    })
}

fn edit_body(bytes: &mut Vec<u8>, alter: impl Fn(&mut Value)) {
    if let Ok(mut body) = serde_json::from_slice(bytes) {
        let before = serde_json::to_vec(&body).expect("JSON");
        alter(&mut body);
        let after = serde_json::to_vec(&body).expect("JSON");
        if before != after {
            *bytes = after;
        }
    }
}

fn text(from: &'static str, to: &'static str) -> Tamper {
    edit_if(
        |_| true,
        move |body| {
            if body["error"] == from {
                body["error"] = to.into()
            }
        },
    )
}

fn text_status(text: &'static str, status: u16) -> Tamper {
    Arc::new(move |request, forward| {
        let mut answer = forward(&request);
        if answer.error().as_deref() == Some(text) {
            answer.status = status;
        }
        answer
    })
}

/// Another text if the request has this in its body.
fn text_if(from: &'static str, part: &'static str, to: &'static str) -> Tamper {
    let alter = move |body: &mut Value| {
        if body["error"] == from {
            body["error"] = to.into()
        }
    };
    edit_if(move |request| String::from_utf8_lossy(&request.body).contains(part), alter)
}

fn rename(from: &'static str, to: &'static str) -> Tamper {
    edit_if(
        |_| true,
        move |body| {
            if let Some(value) = body.as_object_mut().and_then(|object| object.shift_remove(from)) {
                body[to] = value;
            }
        },
    )
}

fn remove(field: &'static str) -> Tamper {
    edit_if(
        |_| true,
        move |body| {
            body.as_object_mut().and_then(|object| object.shift_remove(field));
        },
    )
}

fn swap(one: &'static str, other: &'static str) -> Tamper {
    edit_if(
        |_| true,
        move |body| {
            if body["id"].is_u64() {
                let (first, second) = (body[one].clone(), body[other].clone());
                body[one] = second;
                body[other] = first;
            }
        },
    )
}

fn set(answer: &mut Answer, field: &str, value: Value) {
    edit_body(&mut answer.body, |body| body[field] = value.clone());
}

fn reverse_fields(answer: &mut Answer) {
    edit_body(&mut answer.body, |body| {
        let fields: Vec<(String, Value)> =
            body.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
        *body = Value::Object(fields.into_iter().rev().collect());
    });
}

fn fraction_of_zero(answer: &mut Answer) {
    edit_body(&mut answer.body, |body| change(body, "price", |price| price));
}

fn upper_case_name(product: &mut Value) {
    if let Some(name) = product["name"].as_str() {
        product["name"] = name.to_uppercase().into();
    }
}

fn with_header(name: &'static str, value: Option<&'static str>) -> Tamper {
    Arc::new(move |request, forward| {
        let mut answer = forward(&request);
        let had = answer.header(name).is_some();
        answer.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        if had {
            answer.headers.extend(value.map(|value| (name.into(), value.into())));
        }
        answer
    })
}

// ---- requests

/// Alters the JSON of requests with `method` before they are sent on.
fn write(method: &'static str, alter: impl Fn(&mut Value) + Send + Sync + 'static) -> Tamper {
    Arc::new(move |mut request, forward| {
        if request.method == method {
            edit_body(&mut request.body, &alter);
        }
        forward(&request)
    })
}

/// Alters a number, if it is one.
fn change(body: &mut Value, field: &str, alter: impl Fn(f64) -> f64) {
    if let Some(number) = body[field].as_f64() {
        let altered = alter(number);
        // A whole number that was not altered stays as it was, except where the fraction is the fault.
        body[field] = if altered == number && field != "price" {
            body[field].clone()
        } else {
            whole_if_integer(field, altered)
        };
    }
}

fn whole_if_integer(field: &str, number: f64) -> Value {
    if field == "price" || field == "amount" { number.into() } else { (number as u64).into() }
}

fn numbers_from_texts(body: &mut Value) {
    for field in ["price", "stock"] {
        if let Some(number) = body[field].as_str().and_then(|text| text.parse::<u64>().ok()) {
            body[field] = number.into();
        }
    }
}

fn forward_path(alter: impl Fn(&str) -> String + Send + Sync + 'static) -> Tamper {
    Arc::new(move |request, forward| forward(&Request { path: alter(&request.path), ..request }))
}

fn zero_is_missing(field: &'static str) -> Tamper {
    write("POST", move |body| {
        if body[field].as_f64() == Some(0.0) {
            body[field] = Value::Null
        }
    })
}

fn header(request: &Request) -> Option<&str> {
    request
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        .map(|(_, value)| value.as_str())
}

fn token(request: &Request) -> Option<&str> {
    header(request)?.strip_prefix("Bearer ").filter(|token| !token.is_empty())
}

/// Lets those in who would not be let in, if this is true of their request.
fn with_token(right: &'static str, opens: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Tamper {
    Arc::new(move |request, forward| {
        let request = if opens(&request) { request.token(right) } else { request };
        forward(&request)
    })
}

// ---- writes that are not done, or done otherwise

/// What happens instead of requests that would have been answered with this status.
fn when(
    method: &'static str,
    status: u16,
    instead: impl Fn(&Request, Forward<'_>) -> Option<Answer> + Send + Sync + 'static,
) -> Tamper {
    Arc::new(move |request, forward| {
        if request.method == method
            && let Some(answer) = instead(&request, forward)
        {
            assert_eq!(answer.status, status, "an invented answer");
            return answer;
        }
        forward(&request)
    })
}

/// An answer to a complete write that nothing stands behind.
fn invented(request: &Request, _forward: Forward<'_>) -> Option<Answer> {
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    let object = body.as_object()?;
    let complete = object.len() >= 2 && object.values().all(|value| !value.is_null()) && body["name"] != "";
    let is_known = token(request).is_some_and(|token| token.starts_with("SECRET_"));
    let plausible = object
        .get("quantity")
        .is_none_or(|quantity| quantity.as_u64().is_some_and(|it| (1..=20).contains(&it)));
    if !complete || !is_known || !plausible || object.get("stock").is_some_and(|stock| !stock.is_u64()) {
        return None;
    }
    let id = 8_000_000_000_000_u64;
    let mut fields = serde_json::Map::from_iter([("id".to_owned(), id.into())]);
    fields.extend(object.clone());
    if body["quantity"].is_u64() {
        fields.insert("status".into(), "PENDING".into());
    }
    Some(Answer {
        status: 201,
        headers: vec![
            ("Content-Type".into(), "application/json".into()),
            ("Location".into(), format!("{}/{id}", request.path)),
        ],
        body: Value::Object(fields).to_string().into_bytes(),
    })
}

/// What is there now, as the service would answer it.
fn current(request: &Request, forward: Forward<'_>) -> Value {
    let read = Request { method: "GET".into(), body: Vec::new(), ..request.clone() };
    forward(&read).json()
}

/// A replacement that is stored is undone again.
fn replace_without_storing() -> Tamper {
    Arc::new(|request, forward| {
        if request.method != "PUT" {
            return forward(&request);
        }
        let before = current(&request, forward);
        let answer = forward(&request);
        if answer.status == 200 {
            forward(&request.clone().json(&without_id(before)));
        }
        answer
    })
}

/// A replacement is stored but for one field, and answered as if it were whole.
fn replace_but(field: &'static str) -> Tamper {
    Arc::new(move |request, forward| {
        if request.method != "PUT" {
            return forward(&request);
        }
        let before = current(&request, forward);
        let answer = forward(&request);
        if answer.status == 200 {
            let mut stored = without_id(answer.json());
            stored[field] = before[field].clone();
            forward(&request.clone().json(&stored));
        }
        answer
    })
}

fn without_id(mut product: Value) -> Value {
    product.as_object_mut().and_then(|object| object.shift_remove("id"));
    product
}

fn twice(method: &'static str) -> Tamper {
    Arc::new(move |request, forward| {
        if request.method == method {
            forward(&request);
        }
        forward(&request)
    })
}

/// A product that lacks something is refused, and created with something made up for it.
fn despite_refusal() -> Tamper {
    Arc::new(|request, forward| {
        let answer = forward(&request);
        if request.method == "POST" && answer.error().as_deref() == Some("Missing fields") {
            forward(&completed(&request));
        }
        answer
    })
}

fn replace_despite_refusal() -> Tamper {
    Arc::new(|request, forward| {
        let answer = forward(&request);
        if request.method == "PUT" && answer.error().as_deref() == Some("Missing fields") {
            forward(&completed(&request));
        }
        answer
    })
}

fn completed(request: &Request) -> Request {
    let mut product = json!({ "name": "made up", "price": 1, "stock": 1 });
    if let Ok(Value::Object(sent)) = serde_json::from_slice(&request.body) {
        for (field, value) in sent.into_iter().filter(|(_, value)| !value.is_null() && *value != "") {
            product[field] = value;
        }
    }
    request.clone().json(&product)
}

fn despite_stranger(method: &'static str, right: &'static str) -> Tamper {
    Arc::new(move |request, forward| {
        let answer = forward(&request);
        if request.method == method && answer.status == 401 {
            forward(&request.token(right));
        }
        answer
    })
}

fn upsert() -> Tamper {
    Arc::new(|request, forward| {
        let answer = forward(&request);
        if request.method == "PUT" && answer.status == 404 {
            let created = forward(&Request { method: "POST".into(), path: "/products".into(), ..request });
            return Answer { status: 200, ..created };
        }
        answer
    })
}

fn merge() -> Tamper {
    Arc::new(|request, forward| {
        let answer = forward(&request);
        if request.method == "PUT" && answer.error().as_deref() == Some("Missing fields") {
            let mut merged = current(&request, forward);
            if let Ok(Value::Object(sent)) = serde_json::from_slice(&request.body) {
                sent.into_iter()
                    .filter(|(_, value)| !value.is_null())
                    .for_each(|(field, value)| merged[field] = value);
            }
            return forward(&request.json(&without_id(merged)));
        }
        answer
    })
}

fn replace_once() -> Tamper {
    Arc::new(|request, forward| {
        if request.method == "PUT" && request.path.starts_with("/products/") {
            let mut before = current(&request, forward);
            let answer = forward(&request);
            before["price"] = before["price"].as_f64().into();
            let mut after = answer.json();
            after["price"] = after["price"].as_f64().into();
            if answer.status == 200 && before == after {
                let body = br#"{"error":"Missing fields"}"#.to_vec();
                return Answer { status: 400, body, ..answer };
            }
            return answer;
        }
        forward(&request)
    })
}

fn read_alters() -> Tamper {
    Arc::new(|request, forward| {
        let answer = forward(&request);
        if request.method == "GET" && request.path.starts_with("/products/") && answer.status == 200 {
            let mut product = without_id(answer.json());
            change(&mut product, "stock", |stock| (stock - 1.0).max(0.0));
            forward(&Request { method: "PUT".into(), ..request }.json(&product));
        }
        answer
    })
}

/// The order in which things are checked: a stranger is told what is wrong with the body.
fn body_first(text: &'static str) -> Tamper {
    Arc::new(move |request, forward| {
        let answer = forward(&request);
        if answer.status == 401 && request.method == "POST" && matches!(request.body.as_slice(), b"{}") {
            let body = json!({ "error": text }).to_string().into_bytes();
            return Answer { status: 400, body, ..answer };
        }
        answer
    })
}

fn existence_first() -> Tamper {
    Arc::new(|request, forward| {
        let answer = forward(&request);
        let is_refused = request.method == "PUT" && answer.error().as_deref() == Some("Missing fields");
        if is_refused && !current(&request, forward)["id"].is_u64() {
            return forward(&completed(&request));
        }
        answer
    })
}

// ---- between the services

/// The first answer about a product is given for ever.
fn remember() -> Tamper {
    let seen = std::sync::Mutex::new(std::collections::HashMap::<String, Answer>::new());
    Arc::new(move |request, forward| {
        let mut seen = seen.lock().expect("what was seen");
        seen.entry(request.path.clone()).or_insert_with(|| forward(&request)).clone()
    })
}

/// Whoever asks for a product in order to order it takes one of it.
fn takes_stock() -> Tamper {
    Arc::new(|request, forward| {
        let answer = forward(&request);
        if answer.status == 200 {
            let mut product = without_id(answer.json());
            change(&mut product, "stock", |stock| (stock - 1.0).max(0.0));
            forward(&Request { method: "PUT".into(), ..request }.json(&product));
        }
        answer
    })
}

fn found_anyway() -> Tamper {
    Arc::new(|request, forward| {
        let answer = forward(&request);
        if answer.status == 404 {
            let id: u64 = request.path.rsplit('/').next().and_then(|id| id.parse().ok()).unwrap_or_default();
            let body = json!({ "id": id, "product_id": 1, "quantity": 1, "status": "PENDING" });
            return Answer { status: 200, body: body.to_string().into_bytes(), ..answer };
        }
        answer
    })
}

//! Faults of reservations and of conditional requests.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::{Value, json};

use super::{
    behaviour::{current, without_id},
    fields::change,
};
use crate::{
    fault::{Fault, Forward, Place, Tamper},
    json::edit_body,
    message::{Request, Response},
    requests::without_header,
    responses::{response, text_status},
};

const PRODUCTS: Place = Place::Before("products");

#[rustfmt::skip]
pub(super) fn all() -> Vec<Fault> {
    let fault = |name: &str, tamper| Fault { name: name.into(), place: PRODUCTS, tamper };
    vec![
        // What is taken and given back.
        fault("a repeated reservation takes stock again", after("PUT", 200, |it| it.adjust(-it.quantity()))),
        fault("a reservation takes no stock", after("PUT", 201, |it| it.adjust(it.quantity()))),
        fault("a reservation takes one item too many", after("PUT", 201, |it| it.adjust(-1))),
        fault("a refused reservation takes all stock", after("PUT", 400, |it| it.adjust(i64::MIN))),
        fault("a reservation that differs takes the difference", after("PUT", 422, |it| it.adjust(-1))),
        fault("a refused reservation is made for one item", after("PUT", 400, |it| drop((it.forward)(&it.request.clone().json(&json!({ "quantity": 1 })))))),
        fault("a release returns no stock", released("HELD", |it| it.adjust(-it.quantity()))),
        fault("a repeated release returns stock again", released("RELEASED", |it| it.adjust(it.quantity()))),
        fault("releasing an unknown reservation returns an item", released("null", |it| it.adjust(1))),
        fault("a late reservation takes its stock after its release", after("PUT", 409, |it| it.adjust(-1))),
        fault("a late reservation is made after its release", late()),
        fault("stock beyond the maximum is lost", saturating()),
        // Whose reservation it is, and what it holds.
        fault("products share their reservation keys", one_space_of_keys()),
        fault("a reservation that differs is accepted", reservation("PUT", 422, |it| it.response = (it.forward)(&it.get()))),
        fault("a reservation that differs is replaced", reservation("PUT", 422, |it| {
            it.response = (it.forward)(&it.get());
            let quantity = it.sent();
            edit_body(&mut it.response.body, |body| body["quantity"] = quantity.into());
        })),
        fault("a released reservation is read as held", reservation("GET", 200, |it| it.set("status", "HELD"))),
        fault("a release returns a held reservation", reservation("DELETE", 200, |it| it.set("status", "HELD"))),
        fault("a released reservation is forgotten", reservation("GET", 200, |it| if it.response.json()["status"] == "RELEASED" { it.refuse(404, "Reservation not found") })),
        fault("a release that comes first is not found", reservation("DELETE", 200, |it| if it.response.json()["quantity"] == 0 { it.refuse(404, "Reservation not found") })),
        fault("a released reservation has no quantity", reservation("GET", 200, |it| if it.response.json()["status"] == "RELEASED" { it.set("quantity", 0) })),
        // Statuses, texts and headers.
        fault("making a reservation returns 200", reservation("PUT", 201, |it| it.response.status = 200)),
        fault("repeating a reservation returns 201", reservation("PUT", 200, |it| it.response.status = 201)),
        fault("a reservation has another Location", reservation("PUT", 201, |it| it.response.set_header("Location", Some("/reservations/1")))),
        fault("too little stock is a conflict", text_status("Not enough stock", 409)),
        fault("a released reservation is gone", text_status("Reservation released", 410)),
        fault("a reservation that differs is a conflict", text_status("Reservation differs", 409)),
        fault("too much stock is an internal error", reservation("DELETE", 409, |it| it.refuse(500, "Internal error"))),
        fault("reserving an unknown product reports an unknown reservation", reservation("PUT", 404, |it| it.refuse(404, "Reservation not found"))),
        // Conditional requests.
        fault("If-Match is ignored", without_header("if-match")),
        fault("If-None-Match is ignored", without_header("if-none-match")),
        fault("a weak tag matches when replacing", sent("if-match", |tags| tags.replace("W/", ""))),
        fault("a weak tag does not match when reading", sent("if-none-match", |tags| tags.replace("W/\"", "\"-"))),
        fault("a star does not match when replacing", sent("if-match", |tags| tags.replace('*', "\"*\""))),
        fault("a star does not match when reading", sent("if-none-match", |tags| tags.replace('*', "\"*\""))),
        fault("only the first of several tags counts when replacing", sent("if-match", first)),
        fault("only the first of several tags counts when reading", sent("if-none-match", first)),
        fault("a replacement with another tag is stored all the same", Arc::new(stored_all_the_same)),
        fault("a replacement with another tag is a conflict", text_status("Precondition failed", 409)),
        fault("a tag does not change with the stock", tag(|_, response| { let body = response.json(); Some(format!("\"{:032x}\"", body["id"].as_u64()?)) })),
        fault("a tag changes with every response", { let next = AtomicU64::new(0); tag(move |_, _| Some(format!("\"{:032x}\"", next.fetch_add(1, Ordering::Relaxed)))) }),
        fault("tags are weak", tag(|tag, _| Some(format!("W/{tag}")))),
        fault("a created product has no tag", response("POST", 201, |response| response.set_header("ETag", None))),
        fault("a replaced product has no tag", response("PUT", 200, |response| response.set_header("ETag", None))),
        fault("a 304 has no tag", response("GET", 304, |response| response.set_header("ETag", None))),
        fault("a reservation does not change the tag", tag_outlives_reservation()),
    ]
}

/// A request about a reservation, its response, and the service behind.
struct Exchange<'a> {
    request: Request,
    response: Response,
    forward: Forward<'a>,
}

impl Exchange<'_> {
    /// The quantity that the response has, or else the one that was asked for.
    fn quantity(&self) -> i64 {
        self.response.json()["quantity"].as_i64().unwrap_or_else(|| self.sent())
    }

    fn sent(&self) -> i64 {
        serde_json::from_slice::<Value>(&self.request.body).unwrap_or_default()["quantity"]
            .as_i64()
            .unwrap_or_default()
    }

    fn get(&self) -> Request {
        Request { method: "GET".into(), body: Vec::new(), ..self.request.clone() }
    }

    /// Adds to the stock of the product.
    fn adjust(&self, difference: i64) {
        let path = self.request.path.split("/reservations").next().unwrap_or_default();
        let request = Request { method: "PUT".into(), path: path.into(), ..self.request.clone() };
        let mut product = current(&request, self.forward);
        if product["stock"].is_u64() {
            change(&mut product, "stock", |stock| (stock + difference as f64).max(0.0));
            (self.forward)(&request.json(&without_id(product)));
        }
    }

    fn set(&mut self, field: &str, value: impl Into<Value>) {
        let value = value.into();
        edit_body(&mut self.response.body, |body| body[field] = value.clone());
    }

    fn refuse(&mut self, status: u16, text: &str) {
        self.response.status = status;
        self.response.body = json!({ "error": text }).to_string().into_bytes();
    }
}

fn is_about_reservation(request: &Request) -> bool {
    request.path.contains("/reservations/")
}

/// Alters responses about reservations to `method` that have this status.
fn reservation(
    method: &'static str,
    status: u16,
    alter: impl Fn(&mut Exchange<'_>) + Send + Sync + 'static,
) -> Tamper {
    Arc::new(move |request, forward| {
        let response = forward(&request);
        if !is_about_reservation(&request) || request.method != method || response.status != status {
            return response;
        }
        let mut exchange = Exchange { request, response, forward };
        alter(&mut exchange);
        exchange.response
    })
}

/// Does something else after responses about reservations that have this status.
fn after(method: &'static str, status: u16, act: impl Fn(&Exchange<'_>) + Send + Sync + 'static) -> Tamper {
    reservation(method, status, move |exchange| act(exchange))
}

/// Does something else after a release of what had this status before.
fn released(before: &'static str, act: impl Fn(&Exchange<'_>) + Send + Sync + 'static) -> Tamper {
    Arc::new(move |request, forward| {
        if !is_about_reservation(&request) || request.method != "DELETE" {
            return forward(&request);
        }
        let status = current(&request, forward)["status"].clone();
        let response = forward(&request);
        let exchange = Exchange { request, response, forward };
        if exchange.response.status == 200 && status.as_str().unwrap_or("null") == before {
            act(&exchange);
        }
        exchange.response
    })
}

/// A reservation that was released is made under another key.
fn late() -> Tamper {
    reservation("PUT", 409, |exchange| {
        let path = exchange.request.path.clone();
        let again = Request { path: format!("{path}-late"), ..exchange.request.clone() };
        exchange.response = (exchange.forward)(&again);
        let key = path.rsplit('/').next().unwrap_or_default().to_owned();
        exchange.set("key", key);
        exchange.response.set_header("Location", Some(&path));
    })
}

/// Stock is returned only up to the maximum.
fn saturating() -> Tamper {
    reservation("DELETE", 409, |exchange| {
        let held = (exchange.forward)(&exchange.get()).json()["quantity"].as_i64().unwrap_or_default();
        exchange.adjust(-held);
        exchange.response = (exchange.forward)(&exchange.request);
    })
}

/// A key that one product has is taken for that reservation when another product is asked.
fn one_space_of_keys() -> Tamper {
    let known: Mutex<HashMap<String, (String, Response)>> = Mutex::default();
    Arc::new(move |request, forward| {
        if !is_about_reservation(&request) || request.method != "PUT" {
            return forward(&request);
        }
        let key = request.path.rsplit('/').next().unwrap_or_default().to_owned();
        let mut known = known.lock().expect("what is known");
        if let Some((path, response)) = known.get(&key)
            && *path != request.path
        {
            return Response { status: 200, ..response.clone() };
        }
        let response = forward(&request);
        if response.status == 201 {
            known.insert(key, (request.path.clone(), response.clone()));
        }
        response
    })
}

/// Alters a header of requests.
fn sent(name: &'static str, alter: impl Fn(&str) -> String + Send + Sync + 'static) -> Tamper {
    Arc::new(move |mut request, forward| {
        for (known, value) in &mut request.headers {
            if known.eq_ignore_ascii_case(name) {
                *value = alter(value);
            }
        }
        forward(&request)
    })
}

fn first(tags: &str) -> String {
    tags.split(',').next().unwrap_or_default().to_owned()
}

fn stored_all_the_same(request: Request, forward: Forward<'_>) -> Response {
    let response = forward(&request);
    if response.status == 412 {
        without_header("if-match")(request, forward);
    }
    response
}

/// Alters the tag of responses that have one.
fn tag(alter: impl Fn(&str, &Response) -> Option<String> + Send + Sync + 'static) -> Tamper {
    Arc::new(move |request, forward| {
        let mut response = forward(&request);
        let altered = response.header("ETag").and_then(|tag| alter(tag, &response));
        if let Some(tag) = altered {
            response.set_header("ETag", Some(&tag));
        }
        response
    })
}

/// The tag that a product had before it was reserved is still good for a replacement.
fn tag_outlives_reservation() -> Tamper {
    let reserved: Mutex<Vec<String>> = Mutex::default();
    Arc::new(move |request, forward| {
        let product = request.path.split("/reservations").next().unwrap_or_default().to_owned();
        let mut reserved = reserved.lock().expect("what is reserved");
        if is_about_reservation(&request) {
            let response = forward(&request);
            if response.status == 201 {
                reserved.push(product);
            }
            return response;
        }
        match request.method == "PUT" && reserved.contains(&product) {
            true => without_header("if-match")(request, forward),
            false => forward(&request),
        }
    })
}

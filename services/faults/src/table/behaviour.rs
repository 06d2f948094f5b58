//! Faults in behaviour: the service does something other than it says, or in the wrong order.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use serde_json::{Map, Value, json};

use super::fields::change;
use crate::{
    fault::{Forward, Tamper},
    message::{Request, Response},
    requests::token,
};

/// Replaces requests that would have got this status.
pub(super) fn when(
    method: &'static str,
    status: u16,
    instead: impl Fn(&Request, Forward<'_>) -> Option<Response> + Send + Sync + 'static,
) -> Tamper {
    Arc::new(move |request, forward| {
        if request.method == method
            && let Some(response) = instead(&request, forward)
        {
            assert_eq!(response.status, status, "an invented response");
            return response;
        }
        forward(&request)
    })
}

/// A response to a complete write that nothing stands behind.
pub(super) fn invented(request: &Request, _forward: Forward<'_>) -> Option<Response> {
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
    let mut fields = Map::from_iter([("id".to_owned(), id.into())]);
    fields.extend(object.clone());
    if body["quantity"].is_u64() {
        fields.insert("status".into(), "PENDING".into());
    }
    Some(Response {
        status: 201,
        headers: vec![
            ("Content-Type".into(), "application/json".into()),
            ("Location".into(), format!("{}/{id}", request.path)),
            ("ETag".into(), format!("\"{id:032x}\"")),
        ],
        body: Value::Object(fields).to_string().into_bytes(),
    })
}

/// The current state, as the service would return it.
pub(super) fn current(request: &Request, forward: Forward<'_>) -> Value {
    let read = Request { method: "GET".into(), body: Vec::new(), ..request.clone() };
    forward(&read).json()
}

/// A replacement that is stored is undone again.
pub(super) fn replace_without_storing() -> Tamper {
    Arc::new(|request, forward| {
        if request.method != "PUT" {
            return forward(&request);
        }
        let before = current(&request, forward);
        let response = forward(&request);
        if response.status == 200 {
            forward(&request.clone().json(&without_id(before)));
        }
        response
    })
}

/// A replacement is stored without one field, and the response shows it as complete.
pub(super) fn replace_but(field: &'static str) -> Tamper {
    Arc::new(move |request, forward| {
        if request.method != "PUT" {
            return forward(&request);
        }
        let before = current(&request, forward);
        let response = forward(&request);
        if response.status == 200 {
            let mut stored = without_id(response.json());
            stored[field] = before[field].clone();
            forward(&request.clone().json(&stored));
        }
        response
    })
}

pub(super) fn without_id(mut product: Value) -> Value {
    product.as_object_mut().and_then(|object| object.shift_remove("id"));
    product
}

pub(super) fn twice(method: &'static str) -> Tamper {
    Arc::new(move |request, forward| {
        if request.method == method {
            forward(&request);
        }
        forward(&request)
    })
}

/// A product that lacks something is refused, and `method` takes it all the same, with something made up for it.
pub(super) fn despite_error(method: &'static str) -> Tamper {
    Arc::new(move |request, forward| {
        let response = forward(&request);
        if request.method == method && response.error().as_deref() == Some("Missing fields") {
            forward(&completed(&request));
        }
        response
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

pub(super) fn despite_wrong_token(method: &'static str, right: &'static str) -> Tamper {
    Arc::new(move |request, forward| {
        let response = forward(&request);
        if request.method == method && response.status == 401 {
            forward(&request.token(right));
        }
        response
    })
}

pub(super) fn upsert() -> Tamper {
    Arc::new(|request, forward| {
        let response = forward(&request);
        if request.method == "PUT" && response.status == 404 {
            let created = forward(&Request { method: "POST".into(), path: "/products".into(), ..request });
            return Response { status: 200, ..created };
        }
        response
    })
}

pub(super) fn merge() -> Tamper {
    Arc::new(|request, forward| {
        let response = forward(&request);
        if request.method == "PUT" && response.error().as_deref() == Some("Missing fields") {
            let mut merged = current(&request, forward);
            if let Ok(Value::Object(sent)) = serde_json::from_slice(&request.body) {
                sent.into_iter()
                    .filter(|(_, value)| !value.is_null())
                    .for_each(|(field, value)| merged[field] = value);
            }
            return forward(&request.json(&without_id(merged)));
        }
        response
    })
}

pub(super) fn replace_once() -> Tamper {
    Arc::new(|request, forward| {
        if request.method == "PUT"
            && request.path.starts_with("/products/")
            && !request.path.contains("/reservations/")
        {
            let mut before = current(&request, forward);
            let response = forward(&request);
            before["price"] = before["price"].as_f64().into();
            let mut after = response.json();
            after["price"] = after["price"].as_f64().into();
            if response.status == 200 && before == after {
                let body = br#"{"error":"Missing fields"}"#.to_vec();
                return Response { status: 400, body, ..response };
            }
            return response;
        }
        forward(&request)
    })
}

/// Reading a product takes one from its stock.
pub(super) fn reading_takes() -> Tamper {
    Arc::new(|request, forward| {
        let response = forward(&request);
        if request.method == "GET" && request.path.starts_with("/products/") && response.status == 200 {
            let mut product = without_id(response.json());
            change(&mut product, "stock", |stock| (stock - 1.0).max(0.0));
            forward(&Request { method: "PUT".into(), ..request }.json(&product));
        }
        response
    })
}

/// The body is checked before the token.
pub(super) fn body_first(text: &'static str) -> Tamper {
    Arc::new(move |request, forward| {
        let response = forward(&request);
        if response.status == 401 && request.method == "POST" && matches!(request.body.as_slice(), b"{}") {
            let body = json!({ "error": text }).to_string().into_bytes();
            return Response { status: 400, body, ..response };
        }
        response
    })
}

pub(super) fn existence_first() -> Tamper {
    Arc::new(|request, forward| {
        let response = forward(&request);
        let is_refused = request.method == "PUT" && response.error().as_deref() == Some("Missing fields");
        if is_refused && !current(&request, forward)["id"].is_u64() {
            return forward(&completed(&request));
        }
        response
    })
}

/// The first response about a product is given for ever.
pub(super) fn remember() -> Tamper {
    let seen = Mutex::new(HashMap::<String, Response>::new());
    Arc::new(move |request, forward| {
        let mut seen = seen.lock().expect("what was seen");
        seen.entry(request.path.clone()).or_insert_with(|| forward(&request)).clone()
    })
}

pub(super) fn found_anyway() -> Tamper {
    Arc::new(|request, forward| {
        let response = forward(&request);
        if response.status == 404 {
            let id: u64 = request.path.rsplit('/').next().and_then(|id| id.parse().ok()).unwrap_or_default();
            let body = json!({ "id": id, "product_id": 1, "quantity": 1, "status": "PENDING" });
            return Response { status: 200, body: body.to_string().into_bytes(), ..response };
        }
        response
    })
}

/// A request that timed out gets 503, but is executed all the same.
pub(super) fn despite_timeout() -> Tamper {
    Arc::new(|request, forward| {
        let response = forward(&request);
        if response.status == 503 {
            let mut late = request;
            late.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("x-request-timeout-ms"));
            forward(&late);
        }
        response
    })
}

fn key(request: &Request) -> Option<&str> {
    let is_key = |(name, _): &&(String, String)| name.eq_ignore_ascii_case("idempotency-key");
    request.headers.iter().find(is_key).map(|(_, value)| value.as_str())
}

/// A key stands for one body only, so that another body is another request.
pub(super) fn key_of_its_own_for_each_body() -> Tamper {
    let bodies: Mutex<HashMap<String, Vec<u8>>> = Mutex::default();
    Arc::new(move |mut request, forward| {
        if let Some(key) = key(&request).map(ToOwned::to_owned) {
            let first = bodies.lock().expect("the bodies").entry(key).or_insert(request.body.clone()).clone();
            if first != request.body {
                request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("idempotency-key"));
            }
        }
        forward(&request)
    })
}

/// Any request with a key gets the first response to that key.
pub(super) fn first_response_of_a_key() -> Tamper {
    let responses: Mutex<HashMap<String, Response>> = Mutex::default();
    Arc::new(move |request, forward| {
        let Some(key) = key(&request) else { return forward(&request) };
        if let Some(stored) = responses.lock().expect("the responses").get(key) {
            return stored.clone();
        }
        let response = forward(&request);
        if response.status == 201 {
            let mut stored = response.clone();
            stored.headers.push(("Idempotency-Replayed".into(), "true".into()));
            responses.lock().expect("the responses").insert(key.into(), stored);
        }
        response
    })
}

/// A page that is as long as it was asked to be names a next one, even if nothing follows.
pub(super) fn full_page_names_a_next() -> Tamper {
    Arc::new(|request, forward| {
        let mut response = forward(&request);
        let limit = request.path.split(['?', '&']).find_map(|pair| pair.strip_prefix("limit=")?.parse().ok());
        let page = response.json();
        let last = page.as_array().filter(|page| Some(page.len()) == limit).and_then(|page| page.last());
        if let Some(last) = last
            && response.header("Link").is_none()
        {
            let next =
                format!("</products?limit={}&after={}>; rel=\"next\"", limit.unwrap_or_default(), last["id"]);
            response.headers.push(("Link".into(), next));
        }
        response
    })
}

//! How faults are made: what is done to a request or an answer on its way.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use serde_json::{Map, Value, json};

use crate::{
    exchange::{Answer, Request},
    proxy::{Forward, Tamper},
};

// ---- answers

/// Alters answers to `method` that have this status.
pub(super) fn answer(
    method: &'static str,
    status: u16,
    alter: impl Fn(&mut Answer) + Send + Sync + 'static,
) -> Tamper {
    Arc::new(move |request, forward| {
        let mut answer = forward(&request);
        if request.method == method && answer.status == status {
            alter(&mut answer);
        }
        answer
    })
}

pub(super) fn status(method: &'static str, from: u16, to: u16) -> Tamper {
    answer(method, from, move |answer| answer.status = to)
}

/// Alters the JSON of answers to `method`.
pub(super) fn edit(method: &'static str, alter: impl Fn(&mut Value) + Send + Sync + 'static) -> Tamper {
    edit_if(move |request| request.method == method, alter)
}

/// Alters the JSON of what is read below `path`.
pub(super) fn read(path: &'static str, alter: impl Fn(&mut Value) + Send + Sync + 'static) -> Tamper {
    edit_if(move |request| request.method == "GET" && request.path.starts_with(path), alter)
}

pub(super) fn list(alter: impl Fn(&mut Vec<Value>) + Send + Sync + 'static) -> Tamper {
    edit("GET", move |body| body.as_array_mut().into_iter().for_each(&alter))
}

pub(super) fn edit_if(
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

pub(super) fn edit_body(bytes: &mut Vec<u8>, alter: impl Fn(&mut Value)) {
    if let Ok(mut body) = serde_json::from_slice(bytes) {
        let before = serde_json::to_vec(&body).expect("JSON");
        alter(&mut body);
        let after = serde_json::to_vec(&body).expect("JSON");
        if before != after {
            *bytes = after;
        }
    }
}

pub(super) fn text(from: &'static str, to: &'static str) -> Tamper {
    edit_if(
        |_| true,
        move |body| {
            if body["error"] == from {
                body["error"] = to.into()
            }
        },
    )
}

pub(super) fn text_status(text: &'static str, status: u16) -> Tamper {
    Arc::new(move |request, forward| {
        let mut answer = forward(&request);
        if answer.error().as_deref() == Some(text) {
            answer.status = status;
        }
        answer
    })
}

/// Another text if the request has this in its body.
pub(super) fn text_if(from: &'static str, part: &'static str, to: &'static str) -> Tamper {
    let alter = move |body: &mut Value| {
        if body["error"] == from {
            body["error"] = to.into()
        }
    };
    edit_if(move |request| String::from_utf8_lossy(&request.body).contains(part), alter)
}

pub(super) fn rename(from: &'static str, to: &'static str) -> Tamper {
    edit_if(
        |_| true,
        move |body| {
            if let Some(value) = body.as_object_mut().and_then(|object| object.shift_remove(from)) {
                body[to] = value;
            }
        },
    )
}

pub(super) fn remove(field: &'static str) -> Tamper {
    edit_if(
        |_| true,
        move |body| {
            body.as_object_mut().and_then(|object| object.shift_remove(field));
        },
    )
}

pub(super) fn swap(one: &'static str, other: &'static str) -> Tamper {
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

pub(super) fn set(answer: &mut Answer, field: &str, value: Value) {
    edit_body(&mut answer.body, |body| body[field] = value.clone());
}

pub(super) fn reverse_fields(answer: &mut Answer) {
    edit_body(&mut answer.body, |body| {
        let fields: Vec<(String, Value)> =
            body.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
        *body = Value::Object(fields.into_iter().rev().collect());
    });
}

pub(super) fn fraction_of_zero(answer: &mut Answer) {
    edit_body(&mut answer.body, |body| change(body, "price", |price| price));
}

pub(super) fn upper_case_name(product: &mut Value) {
    if let Some(name) = product["name"].as_str() {
        product["name"] = name.to_uppercase().into();
    }
}

pub(super) fn with_header(name: &'static str, value: Option<&'static str>) -> Tamper {
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
pub(super) fn write(method: &'static str, alter: impl Fn(&mut Value) + Send + Sync + 'static) -> Tamper {
    Arc::new(move |mut request, forward| {
        if request.method == method {
            edit_body(&mut request.body, &alter);
        }
        forward(&request)
    })
}

/// Alters a number, if it is one.
pub(super) fn change(body: &mut Value, field: &str, alter: impl Fn(f64) -> f64) {
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

pub(super) fn whole_if_integer(field: &str, number: f64) -> Value {
    if field == "price" || field == "amount" { number.into() } else { (number as u64).into() }
}

pub(super) fn numbers_from_texts(body: &mut Value) {
    for field in ["price", "stock"] {
        if let Some(number) = body[field].as_str().and_then(|text| text.parse::<u64>().ok()) {
            body[field] = number.into();
        }
    }
}

pub(super) fn forward_path(alter: impl Fn(&str) -> String + Send + Sync + 'static) -> Tamper {
    Arc::new(move |request, forward| forward(&Request { path: alter(&request.path), ..request }))
}

pub(super) fn without_key() -> Tamper {
    Arc::new(|mut request, forward| {
        request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("idempotency-key"));
        forward(&request)
    })
}

pub(super) fn zero_is_missing(field: &'static str) -> Tamper {
    write("POST", move |body| {
        if body[field].as_f64() == Some(0.0) {
            body[field] = Value::Null
        }
    })
}

pub(super) fn header(request: &Request) -> Option<&str> {
    request
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        .map(|(_, value)| value.as_str())
}

pub(super) fn token(request: &Request) -> Option<&str> {
    header(request)?.strip_prefix("Bearer ").filter(|token| !token.is_empty())
}

/// Lets those in who would not be let in, if this is true of their request.
pub(super) fn with_token(
    right: &'static str,
    opens: impl Fn(&Request) -> bool + Send + Sync + 'static,
) -> Tamper {
    Arc::new(move |request, forward| {
        let request = if opens(&request) { request.token(right) } else { request };
        forward(&request)
    })
}

// ---- writes that are not done, or done otherwise

/// What happens instead of requests that would have been answered with this status.
pub(super) fn when(
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
pub(super) fn invented(request: &Request, _forward: Forward<'_>) -> Option<Answer> {
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
        let answer = forward(&request);
        if answer.status == 200 {
            forward(&request.clone().json(&without_id(before)));
        }
        answer
    })
}

/// A replacement is stored but for one field, and answered as if it were whole.
pub(super) fn replace_but(field: &'static str) -> Tamper {
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

/// A product that lacks something is refused, and created with something made up for it.
pub(super) fn despite_refusal() -> Tamper {
    Arc::new(|request, forward| {
        let answer = forward(&request);
        if request.method == "POST" && answer.error().as_deref() == Some("Missing fields") {
            forward(&completed(&request));
        }
        answer
    })
}

pub(super) fn replace_despite_refusal() -> Tamper {
    Arc::new(|request, forward| {
        let answer = forward(&request);
        if request.method == "PUT" && answer.error().as_deref() == Some("Missing fields") {
            forward(&completed(&request));
        }
        answer
    })
}

pub(super) fn completed(request: &Request) -> Request {
    let mut product = json!({ "name": "made up", "price": 1, "stock": 1 });
    if let Ok(Value::Object(sent)) = serde_json::from_slice(&request.body) {
        for (field, value) in sent.into_iter().filter(|(_, value)| !value.is_null() && *value != "") {
            product[field] = value;
        }
    }
    request.clone().json(&product)
}

pub(super) fn despite_stranger(method: &'static str, right: &'static str) -> Tamper {
    Arc::new(move |request, forward| {
        let answer = forward(&request);
        if request.method == method && answer.status == 401 {
            forward(&request.token(right));
        }
        answer
    })
}

pub(super) fn upsert() -> Tamper {
    Arc::new(|request, forward| {
        let answer = forward(&request);
        if request.method == "PUT" && answer.status == 404 {
            let created = forward(&Request { method: "POST".into(), path: "/products".into(), ..request });
            return Answer { status: 200, ..created };
        }
        answer
    })
}

pub(super) fn merge() -> Tamper {
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

pub(super) fn replace_once() -> Tamper {
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

pub(super) fn read_alters() -> Tamper {
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
pub(super) fn body_first(text: &'static str) -> Tamper {
    Arc::new(move |request, forward| {
        let answer = forward(&request);
        if answer.status == 401 && request.method == "POST" && matches!(request.body.as_slice(), b"{}") {
            let body = json!({ "error": text }).to_string().into_bytes();
            return Answer { status: 400, body, ..answer };
        }
        answer
    })
}

pub(super) fn existence_first() -> Tamper {
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
pub(super) fn remember() -> Tamper {
    let seen = Mutex::new(HashMap::<String, Answer>::new());
    Arc::new(move |request, forward| {
        let mut seen = seen.lock().expect("what was seen");
        seen.entry(request.path.clone()).or_insert_with(|| forward(&request)).clone()
    })
}

/// Whoever asks for a product in order to order it takes one of it.
pub(super) fn takes_stock() -> Tamper {
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

pub(super) fn found_anyway() -> Tamper {
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

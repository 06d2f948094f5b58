//! Services that do as they should and answer otherwise.

use std::sync::Arc;

use serde_json::Value;

use super::json::{change, edit_body};
use crate::{
    exchange::{Answer, Request},
    proxy::Tamper,
};

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

/// So many that they change no double that is read from them.
pub(super) fn digits_too_many(answer: &mut Answer) {
    let fraction = regex::Regex::new(r#""price":[0-9]+\.[0-9]+"#).expect("a pattern");
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    answer.body = fraction.replace_all(&body, "${0}00000000000000000001").into_owned().into();
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

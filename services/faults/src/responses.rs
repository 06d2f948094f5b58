//! Faults in responses: the service does what it should, but sends a wrong response.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    fault::Tamper,
    json::edit_body,
    message::{Request, Response},
};

/// Alters responses to `method` that have this status.
pub(crate) fn response(
    method: &'static str,
    status: u16,
    alter: impl Fn(&mut Response) + Send + Sync + 'static,
) -> Tamper {
    Arc::new(move |request, forward| {
        let mut response = forward(&request);
        if request.method == method && response.status == status {
            alter(&mut response);
        }
        response
    })
}

pub(crate) fn status(method: &'static str, from: u16, to: u16) -> Tamper {
    response(method, from, move |response| response.status = to)
}

/// Alters the JSON of responses to `method`.
pub(crate) fn edit(method: &'static str, alter: impl Fn(&mut Value) + Send + Sync + 'static) -> Tamper {
    edit_if(move |request| request.method == method, alter)
}

/// Alters the JSON of what is read below `path`.
pub(crate) fn read(path: &'static str, alter: impl Fn(&mut Value) + Send + Sync + 'static) -> Tamper {
    edit_if(move |request| request.method == "GET" && request.path.starts_with(path), alter)
}

pub(crate) fn list(alter: impl Fn(&mut Vec<Value>) + Send + Sync + 'static) -> Tamper {
    edit("GET", move |body| body.as_array_mut().into_iter().for_each(&alter))
}

pub(crate) fn edit_if(
    applies: impl Fn(&Request) -> bool + Send + Sync + 'static,
    alter: impl Fn(&mut Value) + Send + Sync + 'static,
) -> Tamper {
    Arc::new(move |request, forward| {
        let mut response = forward(&request);
        if applies(&request) {
            edit_body(&mut response.body, &alter);
        }
        response
    })
}

pub(crate) fn text(from: &'static str, to: &'static str) -> Tamper {
    edit_if(
        |_| true,
        move |body| {
            if body["error"] == from {
                body["error"] = to.into()
            }
        },
    )
}

pub(crate) fn text_status(text: &'static str, status: u16) -> Tamper {
    Arc::new(move |request, forward| {
        let mut response = forward(&request);
        if response.error().as_deref() == Some(text) {
            response.status = status;
        }
        response
    })
}

/// Another text if the request has this in its body.
pub(crate) fn text_if(from: &'static str, part: &'static str, to: &'static str) -> Tamper {
    let alter = move |body: &mut Value| {
        if body["error"] == from {
            body["error"] = to.into()
        }
    };
    edit_if(move |request| String::from_utf8_lossy(&request.body).contains(part), alter)
}

pub(crate) fn rename(from: &'static str, to: &'static str) -> Tamper {
    edit_if(
        |_| true,
        move |body| {
            if let Some(value) = body.as_object_mut().and_then(|object| object.shift_remove(from)) {
                body[to] = value;
            }
        },
    )
}

pub(crate) fn remove(field: &'static str) -> Tamper {
    edit_if(
        |_| true,
        move |body| {
            body.as_object_mut().and_then(|object| object.shift_remove(field));
        },
    )
}

pub(crate) fn swap(one: &'static str, other: &'static str) -> Tamper {
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

pub(crate) fn set(response: &mut Response, field: &str, value: Value) {
    edit_body(&mut response.body, |body| body[field] = value.clone());
}

pub(crate) fn reverse_fields(response: &mut Response) {
    edit_body(&mut response.body, |body| {
        let fields: Vec<(String, Value)> =
            body.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
        *body = Value::Object(fields.into_iter().rev().collect());
    });
}

/// Gives responses another value of a header that they have, or takes it away.
pub(crate) fn replace_header(name: &'static str, value: Option<&'static str>) -> Tamper {
    Arc::new(move |request, forward| {
        let mut response = forward(&request);
        if response.header(name).is_some() {
            response.set_header(name, value);
        }
        response
    })
}

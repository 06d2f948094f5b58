//! Alterations of one operation on the wire: of its responses, of its requests, or of whether it is executed at all.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use faults::json::edit_body;
use serde_json::{Map, Value};

use super::fault::Tamper;
use crate::engine::{
    contract::{CONTRACT, Operation},
    deployment::Deployment,
    exchange::{Request, Response, escaped, written},
    security::authorized,
};

/// Whether a request is one to this operation.
pub(super) fn is_of(operation: &Operation, request: &Request) -> bool {
    let found = CONTRACT.document(operation.service).find(&request.method, request.path_only());
    found.is_some_and(|found| found.id == operation.id)
}

/// Alters the responses of an operation.
pub(super) fn responses(
    operation: &'static Operation,
    alter: impl Fn(&mut Response) + Send + Sync + 'static,
) -> Tamper {
    Arc::new(move |request, forward| {
        let mut response = forward(&request);
        if is_of(operation, &request) {
            alter(&mut response);
        }
        response
    })
}

/// Alters each thing in the successes of an operation: the body, or what is in the list.
pub(super) fn things(
    operation: &'static Operation,
    alter: impl Fn(&mut Value) + Send + Sync + 'static,
) -> Tamper {
    responses(operation, move |response| {
        if response.status < 300 {
            edit_body(&mut response.body, |body| match body {
                Value::Array(things) => things.iter_mut().for_each(&alter),
                thing => alter(thing),
            });
        }
    })
}

/// Alters the list that an operation returns.
pub(super) fn list(
    operation: &'static Operation,
    alter: impl Fn(&mut Vec<Value>) + Send + Sync + 'static,
) -> Tamper {
    responses(operation, move |response| {
        if response.status < 300 {
            edit_body(&mut response.body, |body| body.as_array_mut().into_iter().for_each(&alter));
        }
    })
}

/// The operation reads another value of a field than was sent. If it `hides` that, it answers what was sent all the same.
pub(super) fn stores_another(operation: &'static Operation, field: String, hides: bool) -> Tamper {
    Arc::new(move |request, forward| {
        let sent: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        // An invalid value would be refused, and hide the fault.
        let is_stored = is_of(operation, &request) && operation.fits(&sent);
        if !is_stored || sent.get(&field).is_none_or(Value::is_null) {
            return forward(&request);
        }
        let mut other = request.clone();
        edit_body(&mut other.body, |body| another(&mut body[field.as_str()]));
        let mut response = forward(&other);
        // What is refused for its other value would be refused for the fault, and not for what was sent.
        if response.status >= 400 {
            return forward(&request);
        }
        if hides {
            edit_body(&mut response.body, |body| {
                if body.get(&field).is_some() {
                    body[field.as_str()] = sent[field.as_str()].clone();
                }
            });
        }
        response
    })
}

/// Another value of the same type.
pub(super) fn another(value: &mut Value) {
    *value = match &*value {
        Value::String(text) => format!("{text}x").into(),
        Value::Bool(flag) => (!*flag).into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => number.saturating_add(1).into(),
            (_, Some(number)) => (number + 1.0).into(),
            _ => 1.into(),
        },
        Value::Array(items) => items.iter().skip(1).cloned().collect::<Vec<_>>().into(),
        other => other.clone(),
    };
}

/// A value of another type.
pub(super) fn of_another_type(value: &mut Value) {
    *value = match &*value {
        Value::String(_) => 1.into(),
        Value::Number(number) => number.to_string().into(),
        Value::Bool(flag) => flag.to_string().into(),
        Value::Array(_) | Value::Object(_) => "x".into(),
        Value::Null => 1.into(),
    };
}

/// The operation does without a token.
pub(super) fn is_open(operation: &'static Operation, deployment: &Deployment) -> Tamper {
    let deployment = deployment.clone();
    Arc::new(move |mut request, forward| match is_of(operation, &request) {
        true => {
            // What is sent as well would be the first that is looked at.
            request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("Authorization"));
            forward(&authorized(&operation.security, request, &deployment))
        }
        false => forward(&request),
    })
}

/// A parameter of the query is not read.
pub(super) fn ignores(operation: &'static Operation, parameter: String) -> Tamper {
    Arc::new(move |mut request, forward| {
        if is_of(operation, &request)
            && let Some((path, query)) = request.path.split_once('?')
        {
            let is_other = |pair: &&str| pair.split('=').next() != Some(parameter.as_str());
            let others: Vec<&str> = query.split('&').filter(is_other).collect();
            let mark = if others.is_empty() { "" } else { "?" };
            request.path = format!("{path}{mark}{}", others.join("&"));
        }
        forward(&request)
    })
}

/// The operation is executed twice.
pub(super) fn twice(operation: &'static Operation) -> Tamper {
    Arc::new(move |request, forward| {
        let response = forward(&request);
        if is_of(operation, &request) && response.status < 300 {
            forward(&request);
        }
        response
    })
}

/// A refused request is executed anyway, with the example instead of the invalid part. If it `tells`, the response says so, too.
pub(super) fn does_what_it_refuses(operation: &'static Operation, tells: bool) -> Tamper {
    Arc::new(move |request, forward| {
        let response = forward(&request);
        let is_refused = matches!(response.status, 400 | 422) && is_of(operation, &request);
        match operation.example().filter(|_| is_refused) {
            Some(example) => {
                let body = completed(operation, example, &request);
                let done = forward(&request.json(&body).header("Content-Type", &*operation.media_type));
                if tells { done } else { response }
            }
            None => response,
        }
    })
}

/// The example with each field that was sent and fits. What fits as a whole is refused for something else, so it is the example.
fn completed(operation: &Operation, example: Value, request: &Request) -> Value {
    let sent = serde_json::from_slice::<Map<String, Value>>(&request.body).unwrap_or_default();
    if operation.fits(&Value::Object(sent.clone())) {
        return example;
    }
    sent.into_iter().fold(example, |body, (name, value)| {
        let mut with = body.clone();
        with.as_object_mut().and_then(|fields| fields.insert(name, value));
        if operation.fits(&with) { with } else { body }
    })
}

/// A read of a created resource finds nothing.
pub(super) fn creates_nothing(operation: &'static Operation) -> Tamper {
    let created: Mutex<HashSet<String>> = Mutex::default();
    Arc::new(move |request, forward| {
        let mut created = created.lock().unwrap_or_else(PoisonError::into_inner);
        if request.method == "GET" && created.contains(request.path_only()) {
            return forward(&Request { path: format!("{}/9007199254740991", operation.template), ..request });
        }
        let response = forward(&request);
        if is_of(operation, &request) && response.status < 300 {
            let (_, field) =
                operation.of_item(CONTRACT.document(operation.service), "GET").unwrap_or((operation, "id"));
            let body = response.json();
            let id = body.get(field).or(body.get("id")).cloned().unwrap_or_default();
            created.insert(format!("{}/{}", operation.template, escaped(&written(&id))));
        }
        response
    })
}

/// A change or a deletion gets the usual response, and later reads return the old content.
pub(super) fn changes_nothing(operation: &'static Operation) -> Tamper {
    let before: Mutex<HashMap<String, Response>> = Mutex::default();
    Arc::new(move |request, forward| {
        let mut before = before.lock().unwrap_or_else(PoisonError::into_inner);
        let path = request.path_only().to_owned();
        if request.method == "GET"
            && let Some(response) = before.get(&path)
        {
            return response.clone();
        }
        if !is_of(operation, &request) {
            return forward(&request);
        }
        let read = Request { method: "GET".into(), body: Vec::new(), path: path.clone(), ..request.clone() };
        let was = forward(&read);
        let response = forward(&request);
        if response.status < 300 && was.status == 200 {
            before.entry(path).or_insert(was);
        }
        response
    })
}

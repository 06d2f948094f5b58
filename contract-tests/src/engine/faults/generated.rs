//! The faults that any operation could have, made from its document.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use serde_json::Value;

use super::{
    alterations::{answers, is_of},
    fault::{Fault, Place, Tamper},
    json::edit_body,
};
use crate::engine::{
    contract::{CONTRACT, Operation},
    deployment::Deployment,
    exchange::{Answer, Request},
    schema::resolve,
    security::{authorized, is_closed},
};

/// An id that no service has given yet.
const UNKNOWN: &str = "9007199254740991";

/// Every fault of every operation.
pub fn all(deployment: &Deployment) -> Vec<Fault> {
    CONTRACT.operations().flat_map(|operation| of_operation(operation, deployment)).collect()
}

/// The beginning of the names of an operation's faults.
pub fn prefix(operation: &Operation) -> String {
    format!("{} ", operation.id)
}

fn of_operation(operation: &'static Operation, deployment: &Deployment) -> Vec<Fault> {
    let fault = |name: String, tamper| Fault {
        name: prefix(operation) + name.as_str(),
        place: Place::Before(operation.service),
        tamper,
    };
    let mut faults = Vec::new();
    if is_closed(&operation.security) {
        faults.push(fault("is open".into(), is_open(operation, deployment)));
    }
    let text = [404, 401].iter().find_map(|status| operation.answers.get(status)?.texts.first());
    if let Some(text) = text {
        let other = format!("{text}.");
        let alter = move |answer: &mut Answer| {
            if answer.error().as_ref() == Some(text) {
                edit_body(&mut answer.body, |body| body["error"] = other.as_str().into());
            }
        };
        faults.push(fault(format!("says another text than {text}"), answers(operation, alter)));
    }
    for status in operation.answers.keys().copied().filter(|status| (200..300).contains(status)) {
        let others = [200, 201, 202, 204].into_iter();
        for other in others.filter(|other| !operation.answers.contains_key(other)).take(1) {
            let alter = move |answer: &mut Answer| {
                if answer.status == status {
                    answer.status = other;
                }
            };
            faults.push(fault(format!("answers {other} instead of {status}"), answers(operation, alter)));
        }
        if let Some(field) = required_field(operation, status) {
            let alter = move |answer: &mut Answer| {
                if answer.status == status {
                    edit_body(&mut answer.body, |body| remove(body, field));
                }
            };
            faults.push(fault(format!("answers {status} without {field}"), answers(operation, alter)));
        }
    }
    if operation.method == "POST" && operation.answers.contains_key(&201) && reads(operation).is_some() {
        faults.push(fault("stores nothing".into(), stores_nothing(operation)));
    }
    let parameters = operation.declaration()["parameters"].as_array().into_iter().flatten();
    for name in parameters.filter(|it| it["in"] == "query").filter_map(|it| it["name"].as_str()) {
        faults.push(fault(format!("ignores {name}"), ignores(operation, name)));
    }
    faults
}

/// The last field that a success must have, or each thing in a list of them.
fn required_field(operation: &'static Operation, status: u16) -> Option<&'static str> {
    let document = operation.schemas();
    let schema = resolve(document, operation.answer_schema(&status.to_string()));
    let thing = if schema["type"] == "array" { resolve(document, &schema["items"]) } else { schema };
    thing["required"].as_array()?.last()?.as_str()
}

fn remove(body: &mut Value, field: &str) {
    match body {
        Value::Array(things) => things.iter_mut().for_each(|thing| remove(thing, field)),
        Value::Object(thing) => drop(thing.shift_remove(field)),
        _ => {}
    }
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

pub(super) fn ignores(operation: &'static Operation, parameter: &'static str) -> Tamper {
    Arc::new(move |mut request, forward| {
        if is_of(operation, &request)
            && let Some((path, query)) = request.path.split_once('?')
        {
            let is_other = |pair: &&str| pair.split('=').next() != Some(parameter);
            let others: Vec<&str> = query.split('&').filter(is_other).collect();
            let mark = if others.is_empty() { "" } else { "?" };
            request.path = format!("{path}{mark}{}", others.join("&"));
        }
        forward(&request)
    })
}

/// The operation that reads what another creates.
fn reads(create: &Operation) -> Option<&'static Operation> {
    let template = format!("{}/{{id}}", create.template);
    let mut operations = CONTRACT.document(create.service).operations.iter();
    operations.find(|operation| operation.method == "GET" && operation.template == template)
}

/// What was created is read as if it were not there.
fn stores_nothing(create: &'static Operation) -> Tamper {
    let created: Mutex<HashSet<String>> = Mutex::default();
    Arc::new(move |request, forward| {
        if request.method == "GET" && created.lock().expect("what was created").contains(request.path_only())
        {
            return forward(&Request { path: format!("{}/{UNKNOWN}", create.template), ..request });
        }
        let answer = forward(&request);
        if is_of(create, &request) && answer.status == 201 {
            created.lock().expect("what was created").insert(format!("{}/{}", create.template, answer.id()));
        }
        answer
    })
}

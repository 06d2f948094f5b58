//! Makes operations self-contained: each gets what its path or the document says for all of them.

use std::collections::BTreeSet;

use reqwest::header::HeaderName;
use serde_json::{Map, Value, json};

use crate::engine::schema::{METHODS, is_json, path_parameters, resolve};

/// Completes every operation of a document without references outside its schemas. Returns what cannot be judged.
pub(super) fn complete(document: &mut Value) -> Vec<String> {
    let mut unjudged = Vec::new();
    if document["webhooks"].is_object() {
        unjudged.push("webhooks: the service sends these requests itself".to_owned());
    }
    let security = document["security"].clone();
    let whole = json!({ "components": document["components"] });
    let mut ids = BTreeSet::new();
    for (template, item) in document["paths"].as_object_mut().into_iter().flatten() {
        let Some(item) = item.as_object_mut() else { continue };
        if template.matches('{').count() != path_parameters(template).count() {
            unjudged.push(format!("{template}: a parameter that is only part of a path segment"));
        }
        if !template.starts_with('/') {
            unjudged
                .push(format!("{template}: a path that does not begin with `/`, so it cannot be requested"));
        }
        let shared = item.remove("parameters").unwrap_or_default();
        let has_servers = item.contains_key("servers");
        for (method, operation) in item.iter_mut().filter(|(method, _)| METHODS.contains(&method.as_str())) {
            let Some(operation) = operation.as_object_mut() else { continue };
            let at = format!("{} {template}", method.to_uppercase());
            if has_servers || operation.contains_key("servers") {
                unjudged.push(format!("{at}: servers of its own; requests go to the address of its service"));
            }
            name(operation, &mut ids, &format!("{method}{template}"));
            if !operation.contains_key("security") && security.is_array() {
                operation.insert("security".into(), security.clone());
            }
            let own = operation.remove("parameters").unwrap_or_default();
            let parameters = parameters(&whole, &own, &shared, template, &at, &mut unjudged);
            if !parameters.is_empty() {
                operation.insert("parameters".into(), parameters.into());
            }
            responses(operation, &at, &mut unjudged);
            body(operation, &at, &mut unjudged);
        }
    }
    unjudged
}

/// Gives an operation an id, if it has none that is its own.
fn name(operation: &mut Map<String, Value>, ids: &mut BTreeSet<String>, otherwise: &str) {
    let known = operation.get("operationId").and_then(Value::as_str).filter(|id| !id.is_empty());
    let made = || {
        let words = otherwise.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("_")
    };
    let id = known.map_or_else(made, str::to_owned);
    let numbered = (2..).map(|number| format!("{id}_{number}"));
    let mut free = [id.clone()].into_iter().chain(numbered).filter(|id| !ids.contains(id));
    let id = free.next().unwrap_or(id);
    ids.insert(id.clone());
    if operation.get("operationId").is_none_or(|known| *known != id) {
        operation.insert("operationId".into(), id.into());
    }
}

/// The parameters of an operation and those of its path, in a form that one value can be written for.
fn parameters(
    whole: &Value,
    own: &Value,
    shared: &Value,
    template: &str,
    at: &str,
    unjudged: &mut Vec<String>,
) -> Vec<Value> {
    let own: Vec<&Value> = own.as_array().into_iter().flatten().collect();
    let is_same = |one: &Value, other: &Value| one["name"] == other["name"] && one["in"] == other["in"];
    let shared = shared.as_array().into_iter().flatten();
    let shared: Vec<&Value> = shared.filter(|one| !own.iter().any(|other| is_same(one, other))).collect();
    let mut parameters = Vec::new();
    for parameter in shared.into_iter().chain(own) {
        let (Some(name), Some(place)) = (parameter["name"].as_str(), parameter["in"].as_str()) else {
            unjudged.push(format!("{at}: a parameter without a name or a place"));
            continue;
        };
        // A document cannot describe these three as parameters (OpenAPI 3.0, "Parameter Object").
        if place == "header"
            && ["accept", "content-type", "authorization"].contains(&name.to_lowercase().as_str())
        {
            continue;
        }
        if place == "header" && HeaderName::from_bytes(name.as_bytes()).is_err() {
            unjudged.push(format!("{at}: the header `{name}`, which is not a valid HTTP header name"));
            continue;
        }
        let mut parameter = parameter.clone();
        if !parameter["schema"].is_object() {
            if parameter["content"].is_object() {
                unjudged.push(format!("{at}: the values of `{name}`, which has a media type of its own"));
            }
            parameter["schema"] = json!({});
        }
        let schema = resolve(whole, &parameter["schema"]).clone();
        match schema["type"].as_str() {
            Some("array") => {
                unjudged.push(format!("{at}: `{name}` with several values; only one is sent"));
                parameter["schema"] = schema.get("items").cloned().unwrap_or_else(|| json!({}));
            }
            Some("object") => {
                unjudged.push(format!("{at}: the values of `{name}`, which is an object"));
                if parameter["required"] != true {
                    continue;
                }
            }
            _ => {}
        }
        parameters.push(parameter);
    }
    for name in path_parameters(template) {
        if !parameters.iter().any(|one| one["in"] == "path" && one["name"] == name) {
            unjudged.push(format!("{at}: the values of `{name}`, which the document does not describe"));
            parameters.push(
                json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }),
            );
        }
    }
    parameters
}

/// Leaves the responses whose statuses can be looked up.
fn responses(operation: &mut Map<String, Value>, at: &str, unjudged: &mut Vec<String>) {
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
        unjudged.push(format!("{at}: its responses, since the document describes none"));
        operation.insert("responses".into(), json!({ "default": { "description": "Anything" } }));
        return;
    };
    let all = std::mem::take(responses);
    for (status, response) in all {
        let is_exact = status.parse::<u16>().is_ok_and(|status| (100..600).contains(&status));
        let range = status.to_uppercase();
        let is_range =
            range.len() == 3 && range.ends_with("XX") && range.starts_with(['1', '2', '3', '4', '5']);
        match () {
            () if status.starts_with("x-") => {}
            () if is_exact || status == "default" => drop(responses.insert(status, response)),
            () if is_range => drop(responses.insert(range, response)),
            () => unjudged.push(format!("{at}: the response `{status}`, which is not a status code")),
        }
    }
    if responses.is_empty() {
        unjudged.push(format!("{at}: its responses, since the document describes none"));
        responses.insert("default".into(), json!({ "description": "Anything" }));
    }
}

fn body(operation: &Map<String, Value>, at: &str, unjudged: &mut Vec<String>) {
    let Some(body) = operation.get("requestBody") else { return };
    let types: Vec<&String> =
        body["content"].as_object().into_iter().flatten().map(|(name, _)| name).collect();
    if !types.iter().any(|name| is_json(name)) {
        let types: Vec<&str> = types.into_iter().map(String::as_str).collect();
        unjudged.push(format!("{at}: its body, which is not JSON ({})", types.join(", ")));
    }
}

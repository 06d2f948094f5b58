//! Facets: what a document promises besides statuses and error messages, and which facets an exchange exercises.
//!
//! Each parameter must be sent and omitted, each optional field present and absent, each header seen, and each limit tried at its
//! edge and one beyond. The ledger has a row for each, filled by the same exchanges as everything else.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::engine::{
    contract::Operation,
    example as made,
    exchange::{Request, Response, written},
    limits::{Limit, limits, met},
    schema::{requires, resolve},
};

/// The limits of a parameter. A DELETE is not tried at the lower edge of a path: what is there first, others refer to. A part of a
/// path is never empty, since it would be another path.
pub(crate) fn parameter_limits(operation: &Operation, parameter: &Value) -> Vec<Limit> {
    let spares = operation.method == "DELETE" && parameter["in"] == "path";
    let mut limits = limits(operation.schemas(), &parameter["schema"]);
    limits.retain(|limit| !(spares && limit.is_within && limit.name() == "at its minimum"));
    limits.retain(|limit| !(parameter["in"] == "path" && limit.value.as_ref().is_some_and(|it| it == "")));
    limits
}

/// Every facet of `operation`, in words.
pub fn documented(operation: &Operation) -> BTreeSet<String> {
    let document = operation.schemas();
    let declared = operation.declaration();
    let mut facets = BTreeSet::new();
    for parameter in operation.parameters() {
        let at = parameter_name(parameter);
        if parameter["required"] != true {
            facets.insert(format!("{at}: left out"));
        }
        facets.insert(format!("{at}: sent"));
        facets.extend(parameter_limits(operation, parameter).into_iter().map(|limit| limit.named(&at)));
    }
    let sent = operation.request_schemas();
    let body = operation.body.as_ref().unwrap_or(&Value::Null);
    fields(sent, "body", body, &mut |at, schema, is_required| {
        if !is_required {
            facets.extend([format!("{at}: left out"), format!("{at}: sent")]);
        }
        facets.extend(limits(sent, schema).into_iter().map(|limit| limit.named(at)));
    });
    for (status, response) in declared["responses"].as_object().into_iter().flatten() {
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            facets.insert(format!("{status} header `{name}`: there"));
            if header["required"] != true {
                facets.insert(format!("{status} header `{name}`: absent"));
            }
        }
        let schema = operation.response_schema(status);
        fields(document, response_name(status), schema, &mut |at, _, is_required| {
            if !is_required {
                facets.extend([format!("{at}: there"), format!("{at}: absent")]);
            }
        });
    }
    facets
}

/// The facets that this exchange shows.
pub fn shown(operation: &Operation, request: &Request, response: &Response) -> BTreeSet<String> {
    let document = operation.schemas();
    let declared = operation.declaration();
    let mut facets = BTreeSet::new();
    for parameter in operation.parameters() {
        let at = parameter_name(parameter);
        let sent = sent_value(operation, request, parameter);
        facets.insert(format!("{at}: {}", if sent.is_some() { "sent" } else { "left out" }));
        let schema = &parameter["schema"];
        facets
            .extend(sent.iter().flat_map(|value| met(document, schema, value)).map(|limit| limit.named(&at)));
    }
    if let Ok(sent) = serde_json::from_slice::<Value>(&request.body) {
        let schemas = operation.request_schemas();
        let body = operation.body.as_ref().unwrap_or(&Value::Null);
        fields(schemas, "body", body, &mut |at, schema, _| {
            for value in values_at(&sent, at) {
                facets.insert(format!("{at}: {}", if value.is_some() { "sent" } else { "left out" }));
                let met = value.map(|value| met(schemas, schema, value));
                facets.extend(met.into_iter().flatten().map(|limit| limit.named(at)));
            }
        });
    }
    let Some((status, _)) = operation.documented(response.status) else { return facets };
    let documented = &declared["responses"][&status];
    for name in documented["headers"].as_object().into_iter().flatten().map(|(name, _)| name) {
        let is_there = if response.header(name).is_some() { "there" } else { "absent" };
        facets.insert(format!("{status} header `{name}`: {is_there}"));
    }
    if let Ok(answered) = serde_json::from_slice::<Value>(&response.body) {
        let schema = operation.response_schema(&status);
        fields(document, response_name(&status), schema, &mut |at, _, _| {
            let values = values_at(&answered, at).into_iter();
            facets.extend(
                values.map(|value| format!("{at}: {}", if value.is_some() { "there" } else { "absent" })),
            );
        });
    }
    facets
}

/// Calls `visit` with each field of an object, of the objects in it and of the items of arrays: where it is, its schema,
/// and whether it is required.
pub(crate) fn fields(document: &Value, at: &str, schema: &Value, visit: &mut impl FnMut(&str, &Value, bool)) {
    // A schema may contain itself.
    if at.split('`').count() > DEEPEST {
        return;
    }
    let schema = resolve(document, schema);
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let at = format!("{at} `{name}`");
        let resolved = resolve(document, field);
        visit(&at, resolved, requires(schema, name));
        fields(document, &at, resolved, visit);
    }
    if let Some(item) = schema.get("items") {
        let at = format!("{at} `{ITEM}`");
        visit(&at, resolve(document, item), true);
        fields(document, &at, item, visit);
    }
}

/// How deep fields are looked for: each level has two quotes in its name.
const DEEPEST: usize = 2 * 4;

/// What an item of an array is called.
const ITEM: &str = "[]";

/// The values of the field that [`fields`] calls `at`, one for each object that could have it.
fn values_at<'a>(whole: &'a Value, at: &str) -> Vec<Option<&'a Value>> {
    let mut values = vec![Some(whole)];
    for name in at.split('`').skip(1).step_by(2) {
        let within = values.into_iter().flatten();
        values = match name {
            ITEM => within.filter_map(Value::as_array).flatten().map(Some).collect(),
            name => within.filter_map(Value::as_object).map(|object| object.get(name)).collect(),
        };
    }
    values
}

/// A value that a parameter takes.
pub(crate) fn example(document: &Value, parameter: &Value) -> String {
    let schema = &parameter["schema"];
    // Not every text of a length has a format or matches a pattern.
    let is_free = ["pattern", "format"].iter().all(|key| resolve(document, schema)[*key].is_null());
    let mut within = limits(document, schema).into_iter().filter(|limit| limit.is_within && is_free);
    let value = within.find_map(|limit| limit.value).unwrap_or_else(|| made::example(document, schema));
    written(&value)
}

/// All errors of an operation have one schema, so what may be in it need not be seen with each status.
fn response_name(status: &str) -> &str {
    if status.starts_with(['4', '5', 'd']) { "error" } else { status }
}

pub(crate) fn parameter_name(parameter: &Value) -> String {
    let text = |key: &str| parameter[key].as_str().unwrap_or_default();
    format!("{} `{}`", text("in"), text("name"))
}

/// What `request` sends for a parameter, as its schema reads it.
pub(crate) fn sent_value(operation: &Operation, request: &Request, parameter: &Value) -> Option<Value> {
    let text = sent(operation, request, parameter)?;
    Some(match resolve(operation.schemas(), &parameter["schema"])["type"].as_str() {
        Some("integer" | "number" | "boolean") => serde_json::from_str(&text).unwrap_or(Value::from(text)),
        _ => Value::from(text),
    })
}

/// What `request` sends for a parameter.
fn sent(operation: &Operation, request: &Request, parameter: &Value) -> Option<String> {
    let name = parameter["name"].as_str()?;
    match parameter["in"].as_str()? {
        "path" => {
            let mut segments = operation.template.split('/').zip(request.path_only().split('/'));
            decoded(segments.find(|(template, _)| *template == format!("{{{name}}}"))?.1)
        }
        "header" => {
            let header = request.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            header.map(|(_, value)| value.clone())
        }
        "cookie" => {
            let cookies = request.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case("Cookie"));
            cookies
                .flat_map(|(_, value)| value.split(';'))
                .find_map(|pair| decoded(pair.trim_start().strip_prefix(name)?.strip_prefix('=')?))
        }
        _ => request
            .path
            .split(['?', '&'])
            .skip(1)
            .find_map(|pair| decoded(&pair.strip_prefix(name)?.strip_prefix('=')?.replace('+', " "))),
    }
}

/// The text that is percent-encoded in a URL.
fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned())
}

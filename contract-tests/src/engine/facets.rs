//! Facets: what a document promises beside statuses and texts, and which of it an exchange shows.
//!
//! Each parameter is sent and left out, each optional field is there and absent, each header is seen, and each limit is met at
//! its edge and one beyond. The ledger has a row for each, and they are seen in the same exchanges as everything else.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;

use crate::engine::{
    contract::{CONTRACT, Operation, resolve},
    exchange::{Answer, Request},
};

/// Every facet of `operation`, in words.
pub fn documented(operation: &Operation) -> BTreeSet<String> {
    let document = &CONTRACT.document(operation.service).json;
    let declared = operation.declaration();
    let mut facets = BTreeSet::new();
    for parameter in parameters(declared) {
        let at = parameter_name(parameter);
        if parameter["required"] != true {
            facets.insert(format!("{at}: left out"));
        }
        facets.insert(format!("{at}: sent"));
        facets.extend(
            limits(resolve(document, &parameter["schema"])).into_iter().map(|limit| limit.named(&at)),
        );
    }
    let body = &declared["requestBody"]["content"]["application/json"]["schema"];
    fields(document, "body", body, &mut |at, schema, is_required| {
        if !is_required {
            facets.extend([format!("{at}: left out"), format!("{at}: sent")]);
        }
        facets.extend(limits(schema).into_iter().map(|limit| limit.named(at)));
    });
    for (status, response) in declared["responses"].as_object().into_iter().flatten() {
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            facets.insert(format!("{status} header `{name}`: there"));
            if header["required"] != true {
                facets.insert(format!("{status} header `{name}`: absent"));
            }
        }
        let schema = &response["content"]["application/json"]["schema"];
        fields(document, response_name(status), schema, &mut |at, _, is_required| {
            if !is_required {
                facets.extend([format!("{at}: there"), format!("{at}: absent")]);
            }
        });
    }
    facets
}

/// The facets that this exchange shows.
pub fn shown(operation: &Operation, request: &Request, answer: &Answer) -> BTreeSet<String> {
    let document = &CONTRACT.document(operation.service).json;
    let declared = operation.declaration();
    let mut facets = BTreeSet::new();
    for parameter in parameters(declared) {
        let at = parameter_name(parameter);
        let sent = sent(operation, request, parameter);
        facets.insert(format!("{at}: {}", if sent.is_some() { "sent" } else { "left out" }));
        let schema = resolve(document, &parameter["schema"]);
        let value = sent.map(|text| match schema["type"].as_str() {
            Some("integer" | "number") => serde_json::from_str(&text).unwrap_or(Value::from(text)),
            _ => Value::from(text),
        });
        facets.extend(value.iter().flat_map(|value| met(schema, value)).map(|limit| limit.named(&at)));
    }
    if let Ok(sent) = serde_json::from_slice::<Value>(&request.body) {
        let body = &declared["requestBody"]["content"]["application/json"]["schema"];
        fields(document, "body", body, &mut |at, schema, _| match value_at(&sent, at) {
            None => drop(facets.insert(format!("{at}: left out"))),
            Some(value) => {
                facets.insert(format!("{at}: sent"));
                facets.extend(met(schema, value).into_iter().map(|limit| limit.named(at)));
            }
        });
    }
    let status = answer.status.to_string();
    let response = &declared["responses"][&status];
    for name in response["headers"].as_object().into_iter().flatten().map(|(name, _)| name) {
        let is_there = if answer.header(name).is_some() { "there" } else { "absent" };
        facets.insert(format!("{status} header `{name}`: {is_there}"));
    }
    if let Ok(answered) = serde_json::from_slice::<Value>(&answer.body) {
        let schema = &response["content"]["application/json"]["schema"];
        fields(document, response_name(&status), schema, &mut |at, _, _| {
            let is_there = if value_at(&answered, at).is_some() { "there" } else { "absent" };
            facets.insert(format!("{at}: {is_there}"));
        });
    }
    facets
}

/// A limit of a schema, at its edge or one beyond.
#[derive(Debug, PartialEq)]
pub(crate) struct Limit {
    what: &'static str,
    /// A value there, if one follows from the schema.
    pub(crate) value: Option<Value>,
    /// Whether the schema admits it.
    pub(crate) is_within: bool,
}

impl Limit {
    fn named(&self, at: &str) -> String {
        format!("{at}: {}", self.name())
    }

    /// Such as `at its maximum`.
    pub(crate) fn name(&self) -> String {
        match (&self.value, self.what) {
            (Some(value), "one of its values") => value.to_string(),
            _ => self.what.to_owned(),
        }
    }
}

/// Every limit of `schema`.
pub(crate) fn limits(schema: &Value) -> Vec<Limit> {
    let limit = |what, value, is_within| Limit { what, value, is_within };
    let mut limits = Vec::new();
    if let Some(values) = schema["enum"].as_array() {
        limits.extend(values.iter().map(|value| limit("one of its values", Some(value.clone()), true)));
        limits.push(limit("another value", Some("SOMETHING_ELSE".into()), false));
        return limits;
    }
    match schema["type"].as_str() {
        Some("integer" | "number") => {
            if let Some(least) = whole(&schema["minimum"]) {
                limits.push(limit("at its minimum", Some(least.into()), true));
                limits.push(limit("below its minimum", Some((least - 1).into()), false));
            }
            if let Some(most) = whole(&schema["maximum"]) {
                limits.push(limit("at its maximum", Some(most.into()), true));
                limits.push(limit("above its maximum", Some((most + 1).into()), false));
            }
        }
        Some("string") => {
            if let Some(least) = whole(&schema["minLength"]).filter(|least| *least > 0) {
                limits.push(limit("as short as it may be", Some("x".repeat(least as usize).into()), true));
                limits.push(limit("too short", Some("x".repeat(least as usize - 1).into()), false));
            }
            // The longest text that fits a pattern does not follow from it.
            let has_pattern = !schema["pattern"].is_null();
            if let Some(most) = whole(&schema["maxLength"]) {
                let longest = |more| (!has_pattern).then(|| "é".repeat(most as usize + more).into());
                limits.push(limit("as long as it may be", longest(0), true));
                limits.push(limit("too long", longest(1), false));
            }
            if has_pattern {
                limits.push(limit("against its pattern", None, false));
            }
        }
        _ => {}
    }
    limits
}

/// The limits that `value` meets.
fn met(schema: &Value, value: &Value) -> Vec<Limit> {
    let meets = |limit: &Limit| match limit.what {
        "as short as it may be" | "too short" | "as long as it may be" | "too long" => {
            let Some(text) = value.as_str() else { return false };
            let length = text.chars().count() as i64;
            let (least, most) = (whole(&schema["minLength"]), whole(&schema["maxLength"]));
            match limit.what {
                "as short as it may be" => Some(length) == least,
                "too short" => least.is_some_and(|least| length < least),
                "as long as it may be" => Some(length) == most,
                _ => most.is_some_and(|most| length > most),
            }
        }
        "against its pattern" => {
            let pattern = schema["pattern"].as_str().and_then(|pattern| Regex::new(pattern).ok());
            value.as_str().is_some_and(|text| pattern.is_some_and(|pattern| !pattern.is_match(text)))
        }
        "another value" => schema["enum"].as_array().is_some_and(|values| !values.contains(value)),
        "one of its values" => limit.value.as_ref() == Some(value),
        _ => whole(value).is_some() && limit.value.as_ref().and_then(whole) == whole(value),
    };
    limits(schema).into_iter().filter(meets).collect()
}

fn whole(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_f64().filter(|number| number.fract() == 0.0).map(|number| number as i64))
}

/// Calls `visit` with each field of an object and of the objects in it: where it is, its schema,
/// and whether it is required.
fn fields(document: &Value, at: &str, schema: &Value, visit: &mut impl FnMut(&str, &Value, bool)) {
    let schema = resolve(document, schema);
    let required = schema["required"].as_array();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let at = format!("{at} `{name}`");
        let resolved = resolve(document, field);
        visit(&at, resolved, required.is_some_and(|required| required.iter().any(|one| one == name)));
        fields(document, &at, resolved, visit);
    }
}

/// The value of the field that [`fields`] calls `at`.
fn value_at<'a>(whole: &'a Value, at: &str) -> Option<&'a Value> {
    at.split('`').skip(1).step_by(2).try_fold(whole, |value, name| value.get(name))
}

/// A value that a parameter takes.
pub(crate) fn example(document: &Value, parameter: &Value) -> String {
    let within = limits(resolve(document, &parameter["schema"])).into_iter().filter(|limit| limit.is_within);
    let value = within.filter_map(|limit| limit.value).next().unwrap_or_else(|| "x".into());
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(crate) fn parameters(operation: &Value) -> impl Iterator<Item = &Value> {
    operation["parameters"].as_array().into_iter().flatten()
}

/// All errors of an operation have one schema, so what may be in it need not be seen with each status.
fn response_name(status: &str) -> &str {
    if status.starts_with(['4', '5']) { "error" } else { status }
}

fn parameter_name(parameter: &Value) -> String {
    let text = |key: &str| parameter[key].as_str().unwrap_or_default();
    format!("{} `{}`", text("in"), text("name"))
}

/// What `request` sends for a parameter.
pub(crate) fn sent(operation: &Operation, request: &Request, parameter: &Value) -> Option<String> {
    let name = parameter["name"].as_str()?;
    match parameter["in"].as_str()? {
        "path" => {
            let mut segments = operation.template.split('/').zip(request.path_only().split('/'));
            Some(segments.find(|(template, _)| *template == format!("{{{name}}}"))?.1.to_owned())
        }
        "header" => {
            let header = request.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            header.map(|(_, value)| value.clone())
        }
        _ => request
            .path
            .split(['?', '&'])
            .find_map(|pair| Some(pair.strip_prefix(name)?.strip_prefix('=')?.to_owned())),
    }
}

//! Facets: what a document promises beside statuses and texts, and which of it an exchange shows.
//!
//! Each parameter is sent and left out, each optional field is there and absent, each header is seen, and each limit is met at
//! its edge and one beyond. The ledger has a row for each, and they are seen in the same exchanges as everything else.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use regex::Regex;
use serde_json::Value;

use crate::engine::{
    contract::Operation,
    exchange::{Answer, Request},
    schema::{self, requires, resolve},
};

/// The longest array that is worth being sent, in characters of JSON: a body has its limit, too.
const LONGEST: usize = 32 * 1024;

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
        facets.extend(limits(document, &parameter["schema"]).into_iter().map(|limit| limit.named(&at)));
    }
    let body = &declared["requestBody"]["content"]["application/json"]["schema"];
    fields(document, "body", body, &mut |at, schema, is_required| {
        if !is_required {
            facets.extend([format!("{at}: left out"), format!("{at}: sent")]);
        }
        facets.extend(limits(document, schema).into_iter().map(|limit| limit.named(at)));
    });
    for (status, response) in declared["responses"].as_object().into_iter().flatten() {
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            facets.insert(format!("{status} header `{name}`: there"));
            if header["required"] != true {
                facets.insert(format!("{status} header `{name}`: absent"));
            }
        }
        let schema = operation.answer_schema(status);
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
        let body = &declared["requestBody"]["content"]["application/json"]["schema"];
        fields(document, "body", body, &mut |at, schema, _| {
            for value in values_at(&sent, at) {
                facets.insert(format!("{at}: {}", if value.is_some() { "sent" } else { "left out" }));
                let met = value.map(|value| met(document, schema, value));
                facets.extend(met.into_iter().flatten().map(|limit| limit.named(at)));
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
        let schema = operation.answer_schema(&status);
        fields(document, response_name(&status), schema, &mut |at, _, _| {
            let values = values_at(&answered, at).into_iter();
            facets.extend(
                values.map(|value| format!("{at}: {}", if value.is_some() { "there" } else { "absent" })),
            );
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
pub(crate) fn limits(document: &Value, schema: &Value) -> Vec<Limit> {
    let schema = resolve(document, schema);
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
        Some("boolean") => {
            limits.extend([true, false].map(|value| limit("one of its values", Some(value.into()), true)));
        }
        Some("array") => {
            let item = schema::example(document, &schema["items"]);
            let of = |length: i64| Some(vec![item.clone(); length as usize].into());
            if let Some(least) = whole(&schema["minItems"]).filter(|least| *least > 0) {
                limits.push(limit("with as few items as it may have", of(least), true));
                limits.push(limit("with too few items", of(least - 1), false));
            }
            let is_sent = |most: &i64| (*most as usize).saturating_mul(item.to_string().len() + 1) < LONGEST;
            if let Some(most) = whole(&schema["maxItems"]).filter(is_sent) {
                limits.push(limit("with as many items as it may have", of(most), true));
                limits.push(limit("with too many items", of(most + 1), false));
            }
        }
        _ => {}
    }
    limits
}

/// The limits that `value` meets.
fn met(document: &Value, schema: &Value, value: &Value) -> Vec<Limit> {
    let schema = resolve(document, schema);
    let meets = |limit: &Limit| match limit.what {
        "with as few items as it may have"
        | "with too few items"
        | "with as many items as it may have"
        | "with too many items" => {
            let Some(length) = value.as_array().map(|items| items.len() as i64) else { return false };
            let (least, most) = (whole(&schema["minItems"]), whole(&schema["maxItems"]));
            match limit.what {
                "with as few items as it may have" => Some(length) == least,
                "with too few items" => least.is_some_and(|least| length < least),
                "with as many items as it may have" => Some(length) == most,
                _ => most.is_some_and(|most| length > most),
            }
        }
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
    limits(document, schema).into_iter().filter(meets).collect()
}

fn whole(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_f64().filter(|number| number.fract() == 0.0).map(|number| number as i64))
}

/// Calls `visit` with each field of an object, of the objects in it and of the items of arrays: where it is, its schema,
/// and whether it is required.
fn fields(document: &Value, at: &str, schema: &Value, visit: &mut impl FnMut(&str, &Value, bool)) {
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
    let mut within = limits(document, schema).into_iter().filter(|limit| limit.is_within);
    let value = within.find_map(|limit| limit.value).unwrap_or_else(|| schema::example(document, schema));
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// All errors of an operation have one schema, so what may be in it need not be seen with each status.
fn response_name(status: &str) -> &str {
    if status.starts_with(['4', '5']) { "error" } else { status }
}

fn parameter_name(parameter: &Value) -> String {
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

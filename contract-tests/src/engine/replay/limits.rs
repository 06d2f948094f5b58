//! The cases that every parameter has: at the edges of its limits, beyond them, and twice.

use serde_json::Value;

use super::{
    case::{Case, detail},
    parameters::{replaced, with},
};
use crate::engine::{
    contract::Operation,
    exchange::{KEY, Request, TIMEOUT, written},
    facets,
    profile::Situation,
    schema::{path_parameters, resolve},
    subject::subject,
};

/// Every limit of every parameter.
pub(super) fn limits(operation: &Operation, valid: &Request) -> Vec<Case> {
    let mut cases = Vec::new();
    // A key has cases of its own.
    for parameter in operation.parameters().filter(|one| one["name"] != KEY) {
        let name = parameter["name"].as_str().unwrap_or_default();
        for limit in facets::parameter_limits(operation, parameter) {
            let what = limit.name().replace(' ', "_");
            let Some(value) = &limit.value else { continue };
            let request = replaced(operation, valid, parameter, &written(value));
            let name = format!("with_{name}_{what}");
            // What the profile does not say, the schema must: it may have more to it than its limits.
            if !subject().profile.strict_values && operation.accepts(parameter, value) != limit.is_within {
                continue;
            }
            cases.push(match limit.is_within {
                true => Some(Case::within_limits(operation, &name, request)),
                false => beyond(operation, &name, parameter, value, request),
            });
        }
        if parameter["in"] == "query" {
            let text = facets::example(operation.schemas(), parameter);
            let once = replaced(operation, valid, parameter, &text);
            let twice = with(operation, &once, parameter, &text);
            let case = Case::of(Situation::OddValue, operation, &format!("with_{name}_twice"), twice);
            cases.push(case.map(|case| case.with(detail(format!("{name} must be ")))));
        }
    }
    cases.into_iter().flatten().collect()
}

/// A case with a value of a parameter that its schema does not admit.
fn beyond(
    operation: &Operation,
    name: &str,
    parameter: &Value,
    value: &Value,
    request: Request,
) -> Option<Case> {
    if parameter["in"] == "path" && !is_chosen(operation, parameter) {
        return Some(Case::not_found(Situation::UnknownId, operation, name, request)?.common(operation));
    }
    let parameter = parameter["name"].as_str().unwrap_or_default();
    let profile = &subject().profile;
    if parameter != TIMEOUT || profile.response(Situation::Expired).is_none() {
        let case = Case::of(Situation::Invalid, operation, name, request)?;
        return Some(case.with(detail(format!("{parameter} must be "))));
    }
    match value.as_i64().is_some_and(i64::is_negative) {
        true => Case::of(Situation::Expired, operation, name, request),
        false => Some(Case::within_limits(operation, name, request)),
    }
}

/// A path that names something by what names nothing.
pub(super) fn names(operation: &Operation, valid: &Request) -> Vec<Case> {
    let of_parameter = |parameter: &Value| {
        let name = parameter["name"].as_str().unwrap_or_default();
        let article = if name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        let schema = resolve(operation.schemas(), &parameter["schema"]).clone();
        let cases = wrong(&schema).into_iter().filter_map(|(situation, what, text)| {
            let name = format!("with_{article}_{name}_that_is_{what}");
            let path = operation.path_with(|other| (other == parameter["name"]).then(|| text.to_owned()));
            let query = valid.path.find('?').map_or("", |at| &valid.path[at..]);
            let request = Request { path: format!("{path}{query}"), ..valid.clone() };
            match is_chosen(operation, parameter) {
                true => beyond(operation, &name, parameter, &Value::Null, request),
                false => Case::not_found(situation, operation, &name, request),
            }
        });
        cases.collect::<Vec<_>>()
    };
    operation.parameters().filter(|parameter| parameter["in"] == "path").flat_map(of_parameter).collect()
}

/// Whether the caller chooses this part of the path, for what the request makes there: then a wrong one is a wrong field.
fn is_chosen(operation: &Operation, parameter: &Value) -> bool {
    let last = path_parameters(&operation.template).last();
    operation.method == "PUT" && operation.responses.contains_key(&201) && parameter["name"].as_str() == last
}

/// What no value of a schema is, as it stands in a path.
fn wrong(schema: &Value) -> Vec<(Situation, &'static str, &'static str)> {
    use Situation::{OddId, UnknownId};
    let not_utf8 = (OddId, "not_utf8", "%ff%00");
    let is_integer = schema["type"] == "integer";
    if !is_integer && schema["type"] != "number" {
        return vec![not_utf8];
    }
    let mut wrong = vec![(UnknownId, "a_word", "abc")];
    if is_integer {
        let is_below = |number: i64| schema["minimum"].as_i64().is_some_and(|least| number < least);
        wrong.extend([(UnknownId, "zero", "0")].into_iter().filter(|_| is_below(0)));
        wrong.extend([(UnknownId, "negative", "-1")].into_iter().filter(|_| is_below(-1)));
        wrong.extend([(OddId, "signed", "+1"), (OddId, "padded", "01"), (OddId, "a_fraction", "1.0")]);
        wrong.push((OddId, "far_too_long", "1234567890123456789012345678901234567890"));
    }
    wrong.push(not_utf8);
    wrong
}

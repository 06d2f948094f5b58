//! The cases that every parameter has: at the edges of its limits, beyond them, and twice.

use serde_json::Value;

use super::case::{Case, Expectation};
use crate::engine::{
    contract::{CONTRACT, Operation, resolve},
    exchange::Request,
    facets,
};

/// The parameters that have cases of their own.
const ELSEWHERE: &str = "Idempotency-Key";

/// Every limit of every parameter.
pub(super) fn limits(operation: &Operation, valid: &Request) -> Vec<Case> {
    let document = &CONTRACT.document(operation.service).json;
    let mut cases = Vec::new();
    for parameter in facets::parameters(operation.declaration()).filter(|one| one["name"] != ELSEWHERE) {
        let name = parameter["name"].as_str().expect("a name");
        for limit in facets::limits(resolve(document, &parameter["schema"])) {
            let what = limit.name().replace(' ', "_");
            let Some(value) = limit.value else { continue };
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let request = with(operation, valid, parameter, &text);
            let case_name = format!("with_{name}_{what}");
            cases.push(match (limit.is_within, parameter["in"].as_str()) {
                (true, _) => Case::within_limits(operation, &case_name, request),
                (false, Some("path")) => {
                    let text = &operation.answers[&404].texts[0];
                    Case::new(operation, &case_name, request, 404, text).common(operation)
                }
                (false, Some("query")) => {
                    let says = Expectation::Detail(format!("{name} must be "));
                    Case::new(operation, &case_name, request, 400, "Invalid fields").with(says)
                }
                // How long somebody waits is over, or longer than the service's own limit.
                (false, _) if text.starts_with('-') => {
                    Case::new(operation, &case_name, request, 503, "Service unavailable")
                }
                (false, _) => Case::within_limits(operation, &case_name, request),
            });
        }
        if parameter["in"] == "query" {
            let text = facets::example(document, parameter);
            let twice = with(operation, &with(operation, valid, parameter, &text), parameter, &text);
            let says = Expectation::Detail(format!("{name} must be "));
            let name = format!("with_{name}_twice");
            cases.push(Case::new(operation, &name, twice, 400, "Invalid fields").with(says));
        }
    }
    cases
}

/// `request` with this value of a parameter.
pub(super) fn with(operation: &Operation, request: &Request, parameter: &Value, value: &str) -> Request {
    let name = parameter["name"].as_str().expect("a name");
    match parameter["in"].as_str() {
        Some("path") => {
            Request { path: operation.template.replace(&format!("{{{name}}}"), value), ..request.clone() }
        }
        Some("query") => {
            let separator = if request.path.contains('?') { '&' } else { '?' };
            Request { path: format!("{}{separator}{name}={value}", request.path), ..request.clone() }
        }
        _ => request.clone().header(name, value),
    }
}

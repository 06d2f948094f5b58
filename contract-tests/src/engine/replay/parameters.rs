//! The values of parameters: how they are written into a request.

use serde_json::Value;

use crate::engine::{
    contract::Operation,
    exchange::{Request, escaped},
};

/// `request` with this value of a parameter.
pub(super) fn with(operation: &Operation, request: &Request, parameter: &Value, value: &str) -> Request {
    let name = parameter["name"].as_str().unwrap_or_default();
    let escaped = escaped(value);
    match parameter["in"].as_str() {
        Some("path") => {
            let segments = operation.template.split('/').zip(request.path_only().split('/'));
            let segments = segments.map(|(template, segment)| match template == format!("{{{name}}}") {
                true => escaped.clone(),
                false => segment.to_owned(),
            });
            let query = request.path.find('?').map_or("", |at| &request.path[at..]);
            let path = segments.collect::<Vec<_>>().join("/");
            Request { path: format!("{path}{query}"), ..request.clone() }
        }
        Some("query") => {
            let separator = if request.path.contains('?') { '&' } else { '?' };
            Request { path: format!("{}{separator}{name}={escaped}", request.path), ..request.clone() }
        }
        Some("cookie") => {
            let others = request.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case("Cookie"));
            let others = others.map_or(String::new(), |(_, value)| format!("{value}; "));
            request.clone().header("Cookie", format!("{others}{name}={escaped}"))
        }
        _ => request.clone().header(name, value),
    }
}

/// How a value is written as a parameter.
pub(super) fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

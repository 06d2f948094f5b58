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

/// The same, in place of what the request has for the parameter already.
pub(super) fn replaced(operation: &Operation, request: &Request, parameter: &Value, value: &str) -> Request {
    let name = parameter["name"].as_str().unwrap_or_default();
    let is_other = |pair: &&str| pair.trim_start().split('=').next() != Some(name);
    let mut request = request.clone();
    match parameter["in"].as_str() {
        Some("query") => {
            if let Some((path, query)) = request.path.split_once('?') {
                let others = query.split('&').filter(is_other).collect::<Vec<_>>().join("&");
                request.path = if others.is_empty() { path.to_owned() } else { format!("{path}?{others}") };
            }
        }
        Some("cookie") => {
            let is_cookie = |known: &str| known.eq_ignore_ascii_case("Cookie");
            for (_, cookies) in request.headers.iter_mut().filter(|(known, _)| is_cookie(known)) {
                *cookies = cookies.split(';').filter(is_other).collect::<Vec<_>>().join(";");
            }
            request.headers.retain(|(known, value)| !is_cookie(known) || !value.is_empty());
        }
        _ => {}
    }
    with(operation, &request, parameter, value)
}

//! Faults in requests: the service reads a different request from the one that was sent.

use std::sync::Arc;

use serde_json::Value;

use crate::{fault::Tamper, json::edit_body, message::Request};

/// Alters the JSON of requests with `method` before they are sent on.
pub(crate) fn write(method: &'static str, alter: impl Fn(&mut Value) + Send + Sync + 'static) -> Tamper {
    Arc::new(move |mut request, forward| {
        if request.method == method {
            edit_body(&mut request.body, &alter);
        }
        forward(&request)
    })
}

/// Rounds a number as a reader does that reads every number as a double.
pub(crate) fn round_when_read(body: &mut Value, field: &str) {
    if let Some(number) = body[field].as_f64().filter(|number| number.fract() == 0.0) {
        body[field] = (number as i64).into();
    }
}

pub(crate) fn without_null(body: &mut Value, field: &str) {
    if let Some(text) = body[field].as_str() {
        body[field] = text.replace('\0', "").into();
    }
}

/// Fractions of many digits, each as the double that is nearest.
pub(crate) fn rounded_fractions() -> Tamper {
    Arc::new(|mut request, forward| {
        let fraction = regex::bytes::Regex::new(r"[0-9]+\.[0-9]{16,}").expect("a pattern");
        let nearest = |found: &regex::bytes::Captures<'_>| {
            String::from_utf8_lossy(&found[0]).parse::<f64>().expect("a number").to_string().into_bytes()
        };
        request.body = fraction.replace_all(&request.body, nearest).into_owned();
        forward(&request)
    })
}

pub(crate) fn forward_path(alter: impl Fn(&str) -> String + Send + Sync + 'static) -> Tamper {
    Arc::new(move |request, forward| forward(&Request { path: alter(&request.path), ..request }))
}

pub(crate) fn without_header(name: &'static str) -> Tamper {
    Arc::new(move |mut request, forward| {
        request.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        forward(&request)
    })
}

pub(crate) fn zero_is_missing(field: &'static str) -> Tamper {
    write("POST", move |body| {
        if body[field].as_f64() == Some(0.0) {
            body[field] = Value::Null
        }
    })
}

pub(crate) fn authorization(request: &Request) -> Option<&str> {
    request
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        .map(|(_, value)| value.as_str())
}

pub(crate) fn token(request: &Request) -> Option<&str> {
    authorization(request)?.strip_prefix("Bearer ").filter(|token| !token.is_empty())
}

/// Accepts a request for which `opens` is true as if it had the right token.
pub(crate) fn with_token(
    right: &'static str,
    opens: impl Fn(&Request) -> bool + Send + Sync + 'static,
) -> Tamper {
    Arc::new(move |request, forward| {
        let request = if opens(&request) { request.token(right) } else { request };
        forward(&request)
    })
}

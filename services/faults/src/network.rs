//! The ways in which a service, its network or a proxy before it can fail a caller, for any request.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::Value;

use crate::{
    fault::Tamper,
    json::edit_body,
    message::{Request, Response},
};

/// A page for people.
const PAGE: &str = "<html><body>It works!</body></html>";

/// A way to fail.
#[derive(Clone)]
pub struct Failure {
    /// The service, and what it does, as a sentence.
    pub name: String,
    /// The service.
    pub service: &'static str,
    /// How it is injected.
    pub how: How,
}

/// How a failure is injected.
#[derive(Clone)]
pub enum How {
    /// On the connection.
    Wire(Wire),
    /// In the response.
    Response(Tamper),
}

/// Faults of connections and of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// The connection is refused.
    Refuses,
    /// Connections are taken, and that is all.
    SaysNothing,
    /// Connections are closed when a request has come.
    HangsUp,
    /// Connections are reset when a request has come.
    Resets,
    /// Each response takes a second longer.
    TakesASecond,
    /// A byte of the head at a time.
    DripsTheHead,
    /// A byte of the body at a time.
    DripsTheBody,
    /// The connection breaks in the middle of the body.
    BreaksOff,
    /// The body has no end.
    NeverEnds,
}

/// Every way in which `service` can fail.
pub fn failures(service: &'static str) -> Vec<Failure> {
    let wires = [
        ("refuses connections", Wire::Refuses),
        ("says nothing", Wire::SaysNothing),
        ("hangs up", Wire::HangsUp),
        ("resets connections", Wire::Resets),
        ("takes a second", Wire::TakesASecond),
        ("drips the head", Wire::DripsTheHead),
        ("drips the body", Wire::DripsTheBody),
        ("breaks off", Wire::BreaksOff),
        ("never ends", Wire::NeverEnds),
    ];
    let responses: [(&str, Tamper); 9] = [
        ("responds with HTML", instead(|| typed(200, "text/html", PAGE))),
        ("responds with 502 in HTML", instead(|| typed(502, "text/html", "<h1>Bad gateway</h1>"))),
        ("responds with other JSON", instead(|| typed(200, "application/json", r#"{"state":"ok"}"#))),
        (
            "redirects",
            instead(|| {
                let mut response = typed(307, "text/plain", "");
                response.set_header("Location", Some("/elsewhere"));
                response
            }),
        ),
        ("is full", instead(full)),
        ("is full once", once(full)),
        (
            "responds with half of its JSON",
            responses(|response| response.body.truncate(response.body.len() / 2)),
        ),
        ("responds with strings for numbers", things(|number| *number = number.to_string().into())),
        ("responds with numbers out of range", things(|number| *number = 9_007_199_254_740_992_u64.into())),
    ];
    let name = |what: &str| format!("{service} {what}");
    let wires = wires.map(|(what, wire)| Failure { name: name(what), service, how: How::Wire(wire) });
    let responses =
        responses.map(|(what, tamper)| Failure { name: name(what), service, how: How::Response(tamper) });
    wires.into_iter().chain(responses).collect()
}

/// Sends this response, and forwards nothing.
fn instead(response: fn() -> Response) -> Tamper {
    Arc::new(move |request, forward| if is_preflight(&request) { forward(&request) } else { response() })
}

/// The same, to the first request only.
fn once(response: fn() -> Response) -> Tamper {
    let is_over = AtomicBool::new(false);
    Arc::new(move |request, forward| match is_preflight(&request) || is_over.swap(true, Ordering::Relaxed) {
        true => forward(&request),
        false => response(),
    })
}

/// Alters every response.
fn responses(alter: impl Fn(&mut Response) + Send + Sync + 'static) -> Tamper {
    Arc::new(move |request, forward| {
        let mut response = forward(&request);
        alter(&mut response);
        response
    })
}

/// Alters each number in every success.
fn things(alter: fn(&mut Value)) -> Tamper {
    responses(move |response| {
        if response.status < 300 {
            edit_body(&mut response.body, |body| numbers(body, alter));
        }
    })
}

fn numbers(value: &mut Value, alter: fn(&mut Value)) {
    match value {
        Value::Number(_) => alter(value),
        Value::Array(values) => values.iter_mut().for_each(|value| numbers(value, alter)),
        Value::Object(fields) => fields.values_mut().for_each(|value| numbers(value, alter)),
        _ => {}
    }
}

fn typed(status: u16, content_type: &str, body: &str) -> Response {
    Response { status, headers: vec![("Content-Type".into(), content_type.into())], body: body.into() }
}

fn full() -> Response {
    let mut response = typed(503, "application/json", r#"{"error":"Service unavailable"}"#);
    response.set_header("Retry-After", Some("1"));
    response
}

/// A page that may not ask would not see any of this.
fn is_preflight(request: &Request) -> bool {
    request.method == "OPTIONS"
}

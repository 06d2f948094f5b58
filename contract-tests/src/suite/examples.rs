//! The named examples of the documents: recorded, not invented.
//!
//! Each documented response has one example: the response of a new store to the first step of a workflow, or else to the first
//! case, that got it. The example has the name of that step or case. Each workflow runs on a store of its own, so that people can
//! try the examples in order. The request has an example of the same name if the response follows from the request and the request
//! fits its schema; otherwise, the summary shows the request.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::{
    engine::{
        contract::{CONTRACT, Operation},
        exchange::{Request, Response},
        facets,
        replay::{
            cases,
            label::Label,
            situations,
            workflows::{self, Played},
        },
        schema::is_json,
        session::Session,
    },
    harness::store::Store,
};

/// The refusals that follow from what an example of a request can show: its parameters and its body. The others follow from
/// its token, its size, or what else the service has to do.
const FOLLOW_FROM_REQUEST: [u16; 2] = [400, 404];

/// The documents with the examples that `program`'s services give rise to, in place of any that they had.
///
/// # Errors
/// The replay does not pass.
pub fn record(
    program: &str,
    documents: Vec<(&'static str, Value)>,
) -> Result<Vec<(&'static str, Value)>, String> {
    let mut recorder = Recorder { documents, known: BTreeSet::new() };
    recorder.documents.iter_mut().for_each(|(_, document)| forget(document));

    for (workflow, _) in workflows::all() {
        let store = Store::start(program, &[]);
        for Played { label: Label { step, .. }, outcome } in
            workflows::play(workflow, &Session::new(store.deployment()))
        {
            let exchange = outcome.map_err(|failure| format!("{workflow}::{step}\n{failure}"))?;
            exchange.iter().for_each(|(request, response)| recorder.record(&step, request, response));
        }
    }
    let (_store, session) = Store::start_with_session(program, &[]);
    for case in cases::cases(&session.deployment) {
        let response = session.send(&case.request).map_err(|failure| format!("{}\n{failure}", case.name))?;
        let name = case.name.rsplit("::").next().unwrap_or_default();
        recorder.record(name, &case.request, &response);
    }
    let (_store, session) =
        Store::start_with_session(program, &[("MAX_REQUESTS", "1"), ("BODY_TIMEOUT", "10s")]);
    for document in &CONTRACT.documents {
        let refused =
            situations::refused_while_full(document, &session).map_err(|failure| failure.to_string())?;
        for (request, response) in refused {
            recorder.record("while_the_service_is_full", &request, &response);
        }
    }
    let (store, session) = Store::start_with_session(program, &[]);
    situations::prepare(&session).map_err(|failure| failure.to_string())?;
    for operation in CONTRACT.operations().filter(|operation| operation.accepts_key) {
        let refused = situations::refused_while_in_flight(operation, &session, store.lock(operation.service));
        let (request, response) = refused.map_err(|failure| failure.to_string())?;
        recorder.record("while_the_first_is_in_flight", &request, &response);
    }
    recorder.add_unrecorded();
    Ok(recorder.documents)
}

/// Takes every named example out of a document.
pub fn forget(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if object.contains_key("schema") {
                object.shift_remove("examples");
            }
            object.values_mut().for_each(forget);
        }
        Value::Array(array) => array.iter_mut().for_each(forget),
        _ => {}
    }
}

struct Recorder {
    documents: Vec<(&'static str, Value)>,
    /// Operation, status, text, and media type if it is not JSON, of each response that has an example.
    known: BTreeSet<(String, u16, Option<String>, Option<String>)>,
}

impl Recorder {
    fn record(&mut self, name: &str, request: &Request, response: &Response) {
        let Some(operation) = CONTRACT.document(&request.service).find(&request.method, request.path_only())
        else {
            return;
        };
        let media_type = response.header("Content-Type").filter(|media_type| !is_json(media_type));
        let media_type = media_type.map(str::to_owned);
        if !self.known.insert((operation.id.clone(), response.status, response.error(), media_type.clone())) {
            return;
        }
        let body: Option<Value> = serde_json::from_slice(&request.body).ok();
        let fits = body.as_ref().is_some_and(|body| operation.fits(body));
        let shown =
            body.as_ref().filter(|_| !fits && request.body.len() < 200).map(|body| format!(": {body}"));
        let summary = format!("{}{}", name.replace('_', " "), shown.unwrap_or_default());

        let at = self.operation(operation);
        let documented = &mut at["responses"][response.status.to_string()];
        // A response without content has no example of one.
        if !documented["content"].is_null() {
            match &media_type {
                None => add(documented, "application/json", name, &summary, response.json()),
                Some(other) => {
                    add(documented, other, name, &summary, String::from_utf8_lossy(&response.body).into());
                }
            }
        }
        for (header, documented) in
            documented.get_mut("headers").and_then(Value::as_object_mut).into_iter().flatten()
        {
            if let Some(value) = response.header(header) {
                let is_integer = documented["schema"]["type"] == "integer";
                let value = if is_integer { value.parse::<u64>().ok().into() } else { Value::from(value) };
                examples(documented).insert(name.into(), json!({ "summary": summary, "value": value }));
            }
        }
        // Nor does a malformed head follow from what an example can show.
        let is_malformed = response.error().as_deref() == Some("Malformed request");
        let follows_from_request = response.status < 300 || FOLLOW_FROM_REQUEST.contains(&response.status);
        // Nor does the choice among media types, which a header makes.
        if !follows_from_request || is_malformed || media_type.is_some() {
            return;
        }
        // A path of which an example can show only a part would be another path.
        let mut in_path = operation.parameters().filter(|parameter| parameter["in"] == "path");
        if in_path.any(|parameter| sent(operation, request, parameter).is_none()) {
            return;
        }
        if let (true, Some(body)) = (fits, body) {
            add(&mut at["requestBody"], &operation.media_type, name, &summary, body);
        }
        for parameter in at.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(value) = sent(operation, request, parameter) {
                let example = json!({ "summary": summary, "value": value });
                examples(parameter).insert(name.into(), example);
            }
        }
    }

    /// A response that no request can provoke is its text and nothing else.
    fn add_unrecorded(&mut self) {
        for operation in CONTRACT.operations() {
            for (status, documented) in &operation.responses {
                for text in &documented.texts {
                    if self.known.insert((operation.id.clone(), *status, Some(text.clone()), None)) {
                        let name = text.to_lowercase().replace(' ', "_");
                        let at = self.operation(operation);
                        let response = &mut at["responses"][status.to_string()];
                        add(response, "application/json", &name, text, json!({ "error": text }));
                    }
                }
            }
        }
    }

    fn operation(&mut self, operation: &Operation) -> &mut Value {
        let document = self.documents.iter_mut().find(|(service, _)| *service == operation.service);
        let (_, document) = document.expect("a service of the store");
        &mut document["paths"][&operation.template][operation.method.to_lowercase()]
    }
}

/// Adds an example to the content of a request or a response.
fn add(at: &mut Value, media_type: &str, name: &str, summary: &str, value: Value) {
    let example = json!({ "summary": summary, "value": value });
    examples(&mut at["content"][media_type]).insert(name.into(), example);
}

fn examples(at: &mut Value) -> &mut Map<String, Value> {
    if at["examples"].is_null() {
        at["examples"] = json!({});
    }
    at["examples"].as_object_mut().expect("examples")
}

/// What was sent for a parameter of the path or the query, if it fits.
fn sent(operation: &Operation, request: &Request, parameter: &Value) -> Option<Value> {
    let is_shown = parameter["in"] == "path" || parameter["in"] == "query";
    let value = is_shown.then(|| facets::sent_value(operation, request, parameter)).flatten()?;
    operation.accepts(parameter, &value).then_some(value)
}

//! The status of each error message. All errors of an operation may share one schema; then only the description of a response, which
//! has its messages in backticks, tells which of them it has.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::schema::{Documents, Found};
use crate::engine::{
    documented::{in_backticks, json_content},
    schema::resolve,
};

/// The schema of the message in the body of an error, if it lists the messages.
pub(super) fn schema<'a>(document: &'a Value, body: &'a Value) -> Option<&'a Value> {
    let message = &resolve(document, body)["properties"]["error"];
    resolve(document, message)["enum"].is_array().then_some(message)
}

/// Each message of an operation that comes with another status now. Messages that came or went are in the schemas.
pub(super) fn moves(documents: Documents<'_>, old: &Value, new: &Value) -> Vec<Found> {
    let (before, now) = (Messages::of(documents.old, old), Messages::of(documents.new, new));
    let mut found = Vec::new();
    for (message, before) in &before.statuses {
        let statuses = now.statuses(message);
        // A response that names no message may have any, and the schemas tell of a message that is no longer listed.
        let is_named = !statuses.is_empty() || before.iter().any(|status| now.names(status));
        if !is_named || !now.listed.contains(message) {
            continue;
        }
        let list = |statuses: BTreeSet<&String>| {
            statuses.into_iter().map(String::as_str).collect::<Vec<_>>().join(" and ")
        };
        let gone = list(before.difference(&statuses).collect());
        let added = list(statuses.difference(before).collect());
        let (words, is_breaking) = match (gone.is_empty(), added.is_empty()) {
            (true, true) => continue,
            (false, false) => (format!("moved from {gone} to {added}"), true),
            (false, true) => (format!("no longer comes with {gone}"), true),
            (true, false) => (format!("may come with {added}, too"), false),
        };
        found.push((format!("the error \"{message}\" {words}"), is_breaking));
    }
    found
}

/// The error messages of an operation.
#[derive(Default)]
struct Messages {
    /// All that the schemas list.
    listed: BTreeSet<String>,
    /// The statuses of those that a description names.
    statuses: BTreeMap<String, BTreeSet<String>>,
}

impl Messages {
    fn of(document: &Value, responses: &Value) -> Self {
        let mut messages = Self::default();
        for (status, response) in responses.as_object().into_iter().flatten() {
            let response = resolve(document, response);
            let body = &json_content(&response["content"])["schema"];
            let Some(schema) = schema(document, body) else { continue };
            let listed = resolve(document, schema)["enum"].as_array().into_iter().flatten();
            let listed: BTreeSet<String> = listed.filter_map(Value::as_str).map(str::to_owned).collect();
            let description = response["description"].as_str().unwrap_or_default();
            for message in in_backticks(description).filter(|text| listed.contains(*text)) {
                messages.statuses.entry(message.to_owned()).or_default().insert(status.clone());
            }
            messages.listed.extend(listed);
        }
        messages
    }

    fn statuses(&self, message: &str) -> BTreeSet<String> {
        self.statuses.get(message).cloned().unwrap_or_default()
    }

    /// Whether the response with this status names any message.
    fn names(&self, status: &str) -> bool {
        self.statuses.values().any(|statuses| statuses.contains(status))
    }
}

//! Changes of operations: whether they exist, what they accept, and what they respond.

use serde_json::{Map, Value};

use super::{
    change::Change,
    messages,
    schema::{Direction, Documents, Found},
    truer::Truer,
};
use crate::engine::schema::resolve;

/// Every change from `old` to `new`.
pub(super) fn changes(old: &Value, new: &Value, truer: &[Truer]) -> Vec<Change> {
    let documents = Documents { old, new, truer };
    let mut changes = Vec::new();
    for (template, method, before) in operations(old) {
        let id = text(&before["operationId"]);
        let now = operations(new).find(|(other, verb, _)| shape(other) == shape(template) && *verb == method);
        let found = match now {
            Some((_, _, now)) => documents.operation(before, now),
            None => vec![(format!("{} {template} is gone", method.to_uppercase()), true)],
        };
        changes.extend(found.into_iter().map(|(message, is_breaking)| Change {
            operation: id.to_owned(),
            message,
            is_breaking,
        }));
    }
    for (template, method, now) in operations(new) {
        if !operations(old).any(|(other, verb, _)| shape(other) == shape(template) && verb == method) {
            let message = format!("{} {template} is new", method.to_uppercase());
            changes.push(Change {
                operation: text(&now["operationId"]).to_owned(),
                message,
                is_breaking: false,
            });
        }
    }
    changes
}

/// Template, method and declaration of each operation.
fn operations(document: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(template, path)| {
        let methods = path.as_object().into_iter().flatten();
        methods
            .filter(|(_, operation)| operation["responses"].is_object())
            .map(move |(method, operation)| (template, method, operation))
    })
}

/// A template without the names of its parameters, which callers do not send.
fn shape(template: &str) -> String {
    let segment = |segment: &str| if segment.starts_with('{') { "{}".to_owned() } else { segment.to_owned() };
    template.split('/').map(segment).collect::<Vec<_>>().join("/")
}

impl Documents<'_> {
    fn operation(self, old: &Value, new: &Value) -> Vec<Found> {
        let mut found = Vec::new();
        if old["operationId"] != new["operationId"] {
            let (before, now) = (text(&old["operationId"]), text(&new["operationId"]));
            found.push((format!("the operation id was `{before}` and is `{now}`"), true));
        }
        if old["security"] != new["security"] {
            let (before, now) = (&old["security"], &new["security"]);
            found.push((format!("the security was {before} and is {now}"), true));
        }
        found.extend(self.parameters(old, new));
        found.extend(self.body(&old["requestBody"], &new["requestBody"]));
        found.extend(self.responses(&object(&old["responses"]), &object(&new["responses"])));
        found.extend(messages::moves(self, &old["responses"], &new["responses"]));
        found
    }

    fn parameters(self, old: &Value, new: &Value) -> Vec<Found> {
        let list = |operation: &Value| operation["parameters"].as_array().cloned().unwrap_or_default();
        let (before, now) = (list(old), list(new));
        let is_path = |parameter: &Value| parameter["in"] == "path";
        // Parameters of a path are known by their places.
        let (mut old_path, mut new_path) =
            (before.iter().filter(|one| is_path(one)), now.iter().filter(|one| is_path(one)));
        let mut found = Vec::new();
        while let (Some(before), Some(now)) = (old_path.next(), new_path.next()) {
            found.extend(self.parameter(before, now));
        }
        for before in before.iter().filter(|one| !is_path(one)) {
            match now.iter().find(|now| is_same(before, now)) {
                Some(now) => found.extend(self.parameter(before, now)),
                None => found.push((format!("the {} is no longer read", named(before)), true)),
            }
        }
        for now in now.iter().filter(|one| !is_path(one)) {
            if !before.iter().any(|before| is_same(before, now)) {
                let is_required = now["required"] == true;
                let kind = if is_required { "required" } else { "optional" };
                found.push((format!("the {kind} {} is new", named(now)), is_required));
            }
        }
        found
    }

    fn parameter(self, old: &Value, new: &Value) -> Vec<Found> {
        if self.truer.iter().any(|known| known.is(old, new)) {
            return Vec::new();
        }
        let at = format!("the {}", named(old));
        let mut found = self.changes(Direction::Request, &at, &old["schema"], &new["schema"]);
        match (old["required"] == true, new["required"] == true) {
            (false, true) => found.push((format!("{at} became required"), true)),
            (true, false) => found.push((format!("{at} became optional"), false)),
            _ => {}
        }
        found
    }

    fn body(self, old: &Value, new: &Value) -> Vec<Found> {
        match (old.is_null(), new.is_null()) {
            (true, true) => Vec::new(),
            (false, true) => vec![("the body is no longer read".into(), true)],
            (true, false) => {
                let is_required = new["required"] == true;
                vec![("there is a body now".into(), is_required)]
            }
            (false, false) => {
                let mut found =
                    self.content(Direction::Request, "the body", &old["content"], &new["content"]);
                if old["required"] != true && new["required"] == true {
                    found.push(("the body became required".into(), true));
                }
                found
            }
        }
    }

    /// Callers have to know what a class of statuses means, not each status of it (RFC 9110, section 15): errors may come and go.
    fn responses(self, old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<Found> {
        let is_success = |status: &str| status.starts_with('2');
        let mut found = Vec::new();
        for (status, before) in old {
            let Some(now) = new.get(status) else {
                found.push((format!("{status} is no longer returned"), is_success(status)));
                continue;
            };
            let at = format!("the {status} response");
            let (before, now) = (resolve(self.old, before), resolve(self.new, now));
            found.extend(self.content(Direction::Response, &at, &before["content"], &now["content"]));
            found.extend(self.headers(&at, &object(&before["headers"]), &object(&now["headers"])));
        }
        for status in new.keys().filter(|status| !old.contains_key(*status)) {
            found.push((format!("{status} is a new response"), is_success(status)));
        }
        found
    }

    fn headers(self, at: &str, old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<Found> {
        let mut found = Vec::new();
        for (name, before) in old {
            let Some(now) = new.get(name) else {
                found.push((format!("{at}: the header `{name}` is gone"), before["required"] == true));
                continue;
            };
            if before["required"] == true && now["required"] != true {
                found.push((format!("{at}: the header `{name}` became optional"), true));
            }
            let at = format!("{at}: the header `{name}`");
            found.extend(self.changes(Direction::Response, &at, &before["schema"], &now["schema"]));
        }
        let added = new.keys().filter(|name| !old.contains_key(*name));
        found.extend(added.map(|name| (format!("{at}: the header `{name}` is new"), false)));
        found
    }

    /// Bodies, by their media types.
    fn content(self, direction: Direction, at: &str, old: &Value, new: &Value) -> Vec<Found> {
        let (old, new) = (object(old), object(new));
        let mut found = Vec::new();
        for (media_type, before) in &old {
            let Some(now) = new.get(media_type) else {
                found.push((format!("{at} is no longer `{media_type}`"), true));
                continue;
            };
            let (before, now) = (&before["schema"], &now["schema"]);
            let (old_message, new_message) =
                (messages::schema(self.old, before), messages::schema(self.new, now));
            found.extend(match (direction, old_message, new_message) {
                (Direction::Response, Some(old_message), Some(new_message)) => {
                    let of_message =
                        self.changes(Direction::ErrorMessage, "the error", old_message, new_message);
                    let of_body = self.changes(Direction::Response, at, before, now);
                    // The message has been compared by its own rule.
                    let of_body =
                        of_body.into_iter().filter(|(text, _)| !text.starts_with(&format!("{at} `error`")));
                    of_message.into_iter().chain(of_body).collect()
                }
                _ => self.changes(direction, at, before, now),
            });
        }
        let added = new.keys().filter(|media_type| !old.contains_key(*media_type));
        // A caller of a service that returned no body reads none.
        found.extend(added.map(|media_type| (format!("{at} may now be `{media_type}`"), false)));
        found
    }
}

fn is_same(one: &Value, other: &Value) -> bool {
    let is_header = one["in"] == "header";
    let (name, other_name) = (text(&one["name"]), text(&other["name"]));
    one["in"] == other["in"]
        && if is_header { name.eq_ignore_ascii_case(other_name) } else { name == other_name }
}

/// Such as "query parameter `limit`".
fn named(parameter: &Value) -> String {
    let place = text(&parameter["in"]);
    let kind = if place == "header" { "header".to_owned() } else { format!("{place} parameter") };
    format!("{kind} `{}`", text(&parameter["name"]))
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

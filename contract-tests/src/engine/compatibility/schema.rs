//! Changes of a schema, in a request or in a response.

use serde_json::{Map, Value};

use super::truer::Truer;
use crate::engine::schema::{requires, resolve};

/// Which way values go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From callers to the service: it may accept more, never less.
    Request,
    /// From the service to callers: it may return less, never more.
    Response,
    /// The same, for an error message, which callers handle by its status when they do not know it.
    ErrorMessage,
}

/// A change, and whether it breaks callers.
pub(super) type Found = (String, bool);

/// Two documents whose schemas are compared.
#[derive(Clone, Copy)]
pub(super) struct Documents<'a> {
    pub(super) old: &'a Value,
    pub(super) new: &'a Value,
    /// Parameters whose schemas became truer.
    pub(super) truer: &'a [Truer],
}

impl Documents<'_> {
    /// Every change from `old` to `new`, which are schemas or references to some. `at` is where they stand, in words.
    pub(super) fn changes(self, direction: Direction, at: &str, old: &Value, new: &Value) -> Vec<Found> {
        let mut comparison = Comparison { documents: self, direction, within: Vec::new(), found: Vec::new() };
        comparison.compare(at, old, new);
        comparison.found
    }
}

/// A comparison of two schemas, and what it has found.
struct Comparison<'a> {
    documents: Documents<'a>,
    direction: Direction,
    /// The schemas that are being compared: one that contains itself is compared once.
    within: Vec<Value>,
    found: Vec<Found>,
}

/// How much a schema admits in comparison with before.
#[derive(Clone, Copy)]
enum Extent {
    Wider,
    Narrower,
    Other,
}

impl Extent {
    /// An added keyword narrows, a removed one widens, and a changed one may do either.
    fn of_presence(before: &Value, now: &Value) -> Self {
        match (before.is_null(), now.is_null()) {
            (true, false) => Self::Narrower,
            (false, true) => Self::Wider,
            _ => Self::Other,
        }
    }
}

impl Comparison<'_> {
    fn compare(&mut self, at: &str, old: &Value, new: &Value) {
        let (old, new) = (resolve(self.documents.old, old), resolve(self.documents.new, new));
        if self.within.contains(old) {
            return;
        }
        self.within.push(old.clone());
        for keyword in ["type", "format", "multipleOf", "pattern"] {
            let (before, now) = (&old[keyword], &new[keyword]);
            if before != now {
                let extent = match (before.as_str(), now.as_str()) {
                    (Some("integer"), Some("number")) => Extent::Wider,
                    (Some("number"), Some("integer")) => Extent::Narrower,
                    _ => Extent::of_presence(before, now),
                };
                self.note(format!("{at}: `{keyword}` was {before} and is {now}"), extent);
            }
        }
        self.bounds(at, old, new);
        self.values(at, old, new);
        match (old["nullable"] == true, new["nullable"] == true) {
            (false, true) => self.note(format!("{at} may now be null"), Extent::Wider),
            (true, false) => self.note(format!("{at} may no longer be null"), Extent::Narrower),
            _ => {}
        }
        if !old["items"].is_null() && !new["items"].is_null() {
            self.compare(&format!("{at}[]"), &old["items"], &new["items"]);
        }
        for keyword in ["oneOf", "anyOf", "allOf"] {
            self.parts(at, keyword, &old[keyword], &new[keyword]);
        }
        if old["not"] != new["not"] {
            self.note(format!("{at}: `not` changed"), Extent::Other);
        }
        self.fields(at, old, new);
        self.within.pop();
    }

    /// The parts that a schema is put together from, one after the other.
    fn parts(&mut self, at: &str, keyword: &str, old: &Value, new: &Value) {
        let (before, now) = (old.as_array(), new.as_array());
        match (before, now) {
            (Some(before), Some(now)) if before.len() == now.len() => {
                before.iter().zip(now).for_each(|(before, now)| self.compare(at, before, now));
            }
            (None, None) => {}
            _ => self.note(format!("{at}: `{keyword}` changed"), Extent::Other),
        }
    }

    fn fields(&mut self, at: &str, old: &Value, new: &Value) {
        let nothing = Map::new();
        let fields = |schema: &Value| schema["properties"].as_object().unwrap_or(&nothing).clone();
        let (old_fields, new_fields) = (fields(old), fields(new));
        let is_request = self.direction == Direction::Request;
        let mut added: Vec<&String> =
            new_fields.keys().filter(|name| !old_fields.contains_key(*name)).collect();
        for (name, before) in &old_fields {
            let Some(now) = new_fields.get(name) else {
                // A field that went while one with the same schema came has another name now.
                let renamed = added.iter().position(|other| self.is_same(before, &new_fields[*other]));
                self.found.push(match renamed.map(|index| added.remove(index)) {
                    Some(other) => (format!("{at}: the field `{name}` was renamed to `{other}`"), true),
                    None => (format!("{at}: the field `{name}` is gone"), true),
                });
                continue;
            };
            match (requires(old, name), requires(new, name)) {
                (true, false) => {
                    self.found.push((format!("{at}: the field `{name}` became optional"), !is_request));
                }
                (false, true) => {
                    self.found.push((format!("{at}: the field `{name}` became required"), is_request));
                }
                _ => {}
            }
            self.compare(&format!("{at} `{name}`"), before, now);
        }
        for name in added {
            let (kind, is_breaking) = match requires(new, name) {
                true => ("required", is_request),
                false => ("optional", false),
            };
            self.found.push((format!("{at}: the {kind} field `{name}` is new"), is_breaking));
        }
        match (old["additionalProperties"] == false, new["additionalProperties"] == false) {
            (false, true) => self.note(format!("{at}: other fields are no longer allowed"), Extent::Narrower),
            (true, false) => self.note(format!("{at}: other fields are now allowed"), Extent::Wider),
            _ => {}
        }
    }

    /// Whether two schemas are the same but for the words in them.
    fn is_same(&self, old: &Value, new: &Value) -> bool {
        without_words(resolve(self.documents.old, old)) == without_words(resolve(self.documents.new, new))
    }

    /// Limits of numbers, texts and arrays.
    fn bounds(&mut self, at: &str, old: &Value, new: &Value) {
        let lower = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
        let upper = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];
        for keyword in lower.into_iter().chain(upper) {
            let (before, now) = (&old[keyword], &new[keyword]);
            if before == now {
                continue;
            }
            let extent = match (before.as_f64(), now.as_f64()) {
                (Some(before), Some(now)) if (now > before) == upper.contains(&keyword) => Extent::Wider,
                (Some(_), Some(_)) => Extent::Narrower,
                _ => Extent::of_presence(before, now),
            };
            self.note(format!("{at}: `{keyword}` was {before} and is {now}"), extent);
        }
    }

    /// Enumerated values.
    fn values(&mut self, at: &str, old: &Value, new: &Value) {
        let (before, now) = match (old["enum"].as_array(), new["enum"].as_array()) {
            (Some(before), Some(now)) => (before, now),
            (None, Some(_)) => return self.note(format!("{at} is now one of a list"), Extent::Narrower),
            (Some(_), None) => return self.note(format!("{at} may now be anything"), Extent::Wider),
            (None, None) => return,
        };
        let gone: Vec<&Value> = before.iter().filter(|value| !now.contains(value)).collect();
        let added: Vec<&Value> = now.iter().filter(|value| !before.contains(value)).collect();
        if let ([before], [now]) = (&gone[..], &added[..]) {
            return self.note(format!("{at}: {before} became {now}"), Extent::Other);
        }
        let is_response = self.direction == Direction::Response;
        // A caller may rely on a message that no longer comes.
        let missed = gone.iter().map(|value| (format!("{at} is no longer {value}"), !is_response));
        let unknown = added.iter().map(|value| (format!("{at} may now be {value}"), is_response));
        self.found.extend(missed.chain(unknown));
    }

    /// Notes a change of how much is admitted.
    fn note(&mut self, message: String, extent: Extent) {
        let is_request = self.direction == Direction::Request;
        let is_breaking = match extent {
            Extent::Wider => !is_request,
            Extent::Narrower => is_request,
            Extent::Other => true,
        };
        self.found.push((message, is_breaking));
    }
}

/// A schema without what is there to be read by people.
fn without_words(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(object) = schema.as_object_mut() {
        object.retain(|key, _| !["description", "title", "example", "examples"].contains(&key.as_str()));
    }
    schema
}

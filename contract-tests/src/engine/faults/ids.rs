//! Ids that are given again.

use std::sync::{Arc, Mutex, PoisonError};

use faults::json::edit_body;
use serde_json::Value;

use super::{alterations::is_of, fault::Tamper};
use crate::engine::{
    contract::{CONTRACT, Operation},
    exchange::{Request, Response, escaped, written},
};

/// What is created next has the id of what `deleting` has deleted, and is found by it from then on.
pub(super) fn are_given_again(deleting: &'static Operation, creating: &'static Operation) -> Tamper {
    let of_item = creating.of_item(CONTRACT.document(creating.service), "DELETE");
    let parameter = of_item.map(|(_, name)| name.to_owned()).unwrap_or_default();
    let ids = Mutex::new(Ids { list: &creating.template, parameter, freed: None, again: Vec::new() });
    Arc::new(move |request, forward| {
        let mut ids = ids.lock().unwrap_or_else(PoisonError::into_inner);
        let mut response = forward(&ids.as_stored(&request));
        if response.status < 300 && is_of(deleting, &request) {
            ids.freed = request.path_only().rsplit('/').next().map(str::to_owned);
        }
        if response.status < 300 && is_of(creating, &request) {
            ids.give(&response);
        }
        ids.show(&mut response);
        response
    })
}

/// What callers see in place of ids.
struct Ids {
    /// The path of what has the ids.
    list: &'static str,
    /// What the path of one calls its id, which many call `id` in a body.
    parameter: String,
    /// The id of what was deleted last, as its path has it.
    freed: Option<String>,
    /// An id that was given again, and the one that is stored.
    again: Vec<(Value, Value)>,
}

impl Ids {
    fn field(&self, thing: &Value) -> &str {
        if thing.get(&self.parameter).is_some() { &self.parameter } else { "id" }
    }

    /// Gives what was created the id of what was deleted.
    fn give(&mut self, created: &Response) {
        let created = created.json();
        let Some(stored) = created.get(self.field(&created)) else { return };
        let Some(freed) = self.freed.take() else { return };
        let number = freed.parse::<u64>().ok().filter(|_| stored.is_number());
        self.again.push((number.map_or_else(|| freed.into(), Value::from), stored.clone()));
    }

    /// The request with the id that is stored.
    fn as_stored(&self, request: &Request) -> Request {
        let shown = self.again.iter().rev().find(|(shown, _)| self.path(shown) == request.path_only());
        let path = shown.map(|(_, stored)| request.path.replacen(request.path_only(), &self.path(stored), 1));
        Request { path: path.unwrap_or_else(|| request.path.clone()), ..request.clone() }
    }

    /// Shows the ids that were given again.
    fn show(&self, response: &mut Response) {
        for (shown, stored) in &self.again {
            for (name, value) in &mut response.headers {
                if name.eq_ignore_ascii_case("Location") && value.ends_with(&self.path(stored)) {
                    *value = value.replace(&self.path(stored), &self.path(shown));
                }
            }
            let show = |thing: &mut Value| {
                let field = self.field(thing).to_owned();
                if thing.get(&field) == Some(stored) {
                    thing[field] = shown.clone();
                }
            };
            edit_body(&mut response.body, |body| match body {
                Value::Array(things) => things.iter_mut().for_each(&show),
                thing => show(thing),
            });
        }
    }

    fn path(&self, id: &Value) -> String {
        format!("{}/{}", self.list, escaped(&written(id)))
    }
}

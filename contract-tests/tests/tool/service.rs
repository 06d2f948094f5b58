//! A small notes service, in memory, which may have a flaw.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::scripted::{self, Asked, Reply};

/// What callers show.
pub(crate) const KEY: &str = "secret-of-notes";

/// What the service does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// The key is not looked at.
    Open,
    /// A body that does not fit is stored.
    Lenient,
    /// A text is stored in upper case.
    Shouts,
    /// A body that does not fit is a failure of the service.
    Crashes,
    /// A refusal has a status that the document does not have.
    Undocumented,
    /// A note has no text.
    Silent,
    /// What is deleted can still be read.
    Keeps,
    /// The id of what was deleted last is given to what is created next.
    Reuses,
    /// The service stops when it is sent a body that does not fit.
    Stops,
}

/// A service that runs until the test ends.
pub(crate) struct Service {
    pub(crate) url: String,
}

struct Notes {
    flaw: Flaw,
    last: u64,
    notes: BTreeMap<u64, Value>,
}

impl Service {
    pub(crate) fn start(flaw: Flaw) -> Self {
        let mut notes = Notes { flaw, last: 0, notes: BTreeMap::new() };
        Self { url: scripted::start(move |asked| notes.respond(asked)) }
    }
}

impl Notes {
    fn respond(&mut self, asked: &Asked) -> Reply {
        if asked.header("x-api-key") != Some(KEY) && self.flaw != Flaw::Open {
            return refused(401, "Who are you?");
        }
        let path = asked.path.split('?').next().unwrap_or_default();
        let id = path.strip_prefix("/notes/").filter(|id| !id.contains('/'));
        match (asked.method.as_str(), id) {
            ("GET", None) if path == "/notes" => {
                Reply::new(200, self.notes.values().cloned().collect::<Vec<_>>().into())
            }
            ("POST", None) if path == "/notes" => self.create(&asked.body),
            ("GET", Some(id)) => match id.parse().ok().and_then(|id: u64| self.notes.get(&id)) {
                Some(note) => Reply::new(200, note.clone()),
                None => refused(404, "No such note"),
            },
            ("DELETE", Some(id)) => {
                let id = id.parse().unwrap_or_default();
                match self.notes.contains_key(&id) {
                    true => {
                        if self.flaw != Flaw::Keeps {
                            self.notes.remove(&id);
                        }
                        if self.flaw == Flaw::Reuses {
                            // As SQLite does without AUTOINCREMENT.
                            self.last = self.notes.keys().next_back().copied().unwrap_or_default();
                        }
                        Reply::new(204, Value::Null)
                    }
                    false => refused(404, "No such note"),
                }
            }
            _ => refused(404, "No such path"),
        }
    }

    fn create(&mut self, body: &Value) -> Reply {
        let text = body["text"].as_str().filter(|text| (1..=20).contains(&text.chars().count()));
        let is_urgent = body.get("urgent").is_none_or(|urgent| urgent.is_boolean() || urgent.is_null());
        let text = match (text.filter(|_| is_urgent), self.flaw) {
            (Some(text), Flaw::Shouts) => text.to_uppercase(),
            (Some(text), _) => text.to_owned(),
            (None, Flaw::Lenient) => "x".to_owned(),
            (None, Flaw::Crashes) => return refused(500, "Sorry"),
            (None, Flaw::Undocumented) => return refused(302, "Elsewhere"),
            (None, Flaw::Stops) => return Reply::stop(),
            (None, _) => return refused(422, "This is not a note"),
        };
        self.last += 1;
        let mut note = json!({ "id": self.last, "text": text });
        if self.flaw == Flaw::Silent {
            note.as_object_mut().unwrap().shift_remove("text");
        }
        self.notes.insert(self.last, note.clone());
        Reply::new(201, note)
    }
}

/// A problem (RFC 9457).
fn refused(status: u16, title: &str) -> Reply {
    Reply::new(status, json!({ "title": title, "status": status })).of_type("application/problem+json")
}

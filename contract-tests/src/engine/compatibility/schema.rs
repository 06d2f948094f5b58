//! Changes of a schema, in one of the two directions.

use serde_json::Value;

/// Which way values go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From callers to the service: it may accept more, never less.
    Request,
    /// From the service to callers: it may answer less, never more.
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
}

/// How much a schema accepts in comparison with before.
#[derive(PartialEq)]
enum Extent {
    Wider,
    Narrower,
    Other,
}

impl Direction {
    fn breaks(self, extent: &Extent) -> bool {
        match extent {
            Extent::Wider => self != Self::Request,
            Extent::Narrower => self == Self::Request,
            Extent::Other => true,
        }
    }
}

impl Documents<'_> {
    /// Every change from `old` to `new`, which are schemas or references to some. `at` is where they stand, in words.
    pub(super) fn changes(self, direction: Direction, at: &str, old: &Value, new: &Value) -> Vec<Found> {
        let mut found = Vec::new();
        self.compare(direction, at, old, new, &mut Vec::new(), &mut found);
        found
    }

    fn compare(
        self,
        direction: Direction,
        at: &str,
        old: &Value,
        new: &Value,
        seen: &mut Vec<String>,
        found: &mut Vec<Found>,
    ) {
        // A schema that contains itself is compared once.
        let name = old["$ref"].as_str().unwrap_or_default();
        if !name.is_empty() && seen.iter().any(|seen| seen == name) {
            return;
        }
        seen.push(name.to_owned());
        let (old, new) = (resolve(self.old, old), resolve(self.new, new));
        for keyword in ["type", "format", "multipleOf"] {
            if old[keyword] != new[keyword] {
                let message = format!("{at}: `{keyword}` was {} and is {}", old[keyword], new[keyword]);
                found.push((message, direction.breaks(&of_presence(&old[keyword], &new[keyword]))));
            }
        }
        bounds(direction, at, old, new, found);
        values(direction, at, old, new, found);
        for keyword in ["oneOf", "anyOf", "allOf", "not"] {
            if old[keyword] != new[keyword] {
                found.push((format!("{at}: `{keyword}` changed"), true));
            }
        }
        let nullable = |schema: &Value| schema["nullable"] == true;
        if nullable(old) != nullable(new) {
            let (extent, verb) = match nullable(new) {
                true => (Extent::Wider, "may now"),
                false => (Extent::Narrower, "may no longer"),
            };
            found.push((format!("{at} {verb} be null"), direction.breaks(&extent)));
        }
        if !old["items"].is_null() && !new["items"].is_null() {
            self.compare(direction, &format!("{at}[]"), &old["items"], &new["items"], seen, found);
        }
        self.fields(direction, at, old, new, seen, found);
        seen.pop();
    }

    fn fields(
        self,
        direction: Direction,
        at: &str,
        old: &Value,
        new: &Value,
        seen: &mut Vec<String>,
        found: &mut Vec<Found>,
    ) {
        let fields = |schema: &Value| schema["properties"].as_object().cloned().unwrap_or_default();
        let (old_fields, new_fields) = (fields(old), fields(new));
        let is_required = |schema: &Value, name: &str| {
            schema["required"].as_array().is_some_and(|required| required.iter().any(|one| one == name))
        };
        let mut added: Vec<&String> =
            new_fields.keys().filter(|name| !old_fields.contains_key(*name)).collect();
        for (name, schema) in &old_fields {
            let Some(now) = new_fields.get(name) else {
                // A field that went while one with the same schema came has another name now.
                let same = |other: &&String| {
                    let (before, now) = (resolve(self.old, schema), resolve(self.new, &new_fields[*other]));
                    without_words(before) == without_words(now)
                };
                match added.iter().position(same) {
                    Some(index) => {
                        let other = added.remove(index);
                        found.push((format!("{at}: the field `{name}` was renamed to `{other}`"), true));
                    }
                    None => found.push((format!("{at}: the field `{name}` is gone"), true)),
                }
                continue;
            };
            match (is_required(old, name), is_required(new, name)) {
                (true, false) => {
                    let is_breaking = direction != Direction::Request;
                    found.push((format!("{at}: the field `{name}` became optional"), is_breaking));
                }
                (false, true) => {
                    let is_breaking = direction == Direction::Request;
                    found.push((format!("{at}: the field `{name}` became required"), is_breaking));
                }
                _ => {}
            }
            self.compare(direction, &format!("{at} `{name}`"), schema, now, seen, found);
        }
        for name in added {
            let is_breaking = direction == Direction::Request && is_required(new, name);
            let kind = if is_required(new, name) { "required" } else { "optional" };
            found.push((format!("{at}: the {kind} field `{name}` is new"), is_breaking));
        }
        let is_closed = |schema: &Value| schema["additionalProperties"] == false;
        if is_closed(old) != is_closed(new) {
            let (extent, verb) = match is_closed(new) {
                true => (Extent::Narrower, "no longer allowed"),
                false => (Extent::Wider, "allowed now"),
            };
            found.push((format!("{at}: other fields are {verb}"), direction.breaks(&extent)));
        }
    }
}

/// Limits of numbers, texts and arrays.
fn bounds(direction: Direction, at: &str, old: &Value, new: &Value, found: &mut Vec<Found>) {
    let lower = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
    let upper = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];
    for (keyword, is_upper) in
        lower.map(|keyword| (keyword, false)).into_iter().chain(upper.map(|keyword| (keyword, true)))
    {
        let (before, now) = (&old[keyword], &new[keyword]);
        if before == now {
            continue;
        }
        let extent = match (before.as_f64(), now.as_f64()) {
            (Some(before), Some(now)) if (now > before) == is_upper => Extent::Wider,
            (Some(_), Some(_)) => Extent::Narrower,
            _ => of_presence(before, now),
        };
        found.push((format!("{at}: `{keyword}` was {before} and is {now}"), direction.breaks(&extent)));
    }
    let (before, now) = (&old["pattern"], &new["pattern"]);
    if before != now {
        found.push((
            format!("{at}: `pattern` was {before} and is {now}"),
            direction.breaks(&of_presence(before, now)),
        ));
    }
}

/// A keyword that came narrows, one that went widens, and of one that changed nobody can tell.
fn of_presence(before: &Value, now: &Value) -> Extent {
    match (before.is_null(), now.is_null()) {
        (true, false) => Extent::Narrower,
        (false, true) => Extent::Wider,
        _ => Extent::Other,
    }
}

/// Enumerated values.
fn values(direction: Direction, at: &str, old: &Value, new: &Value, found: &mut Vec<Found>) {
    let list = |schema: &Value| schema["enum"].as_array().cloned();
    match (list(old), list(new)) {
        (None, Some(_)) => {
            found.push((format!("{at} is one of a list now"), direction.breaks(&Extent::Narrower)))
        }
        (Some(_), None) => {
            found.push((format!("{at} may be anything now"), direction.breaks(&Extent::Wider)))
        }
        (Some(before), Some(now)) => {
            let gone: Vec<&Value> = before.iter().filter(|value| !now.contains(value)).collect();
            let new: Vec<&Value> = now.iter().filter(|value| !before.contains(value)).collect();
            match (&gone[..], &new[..]) {
                ([before], [now]) => found.push((format!("{at}: {before} became {now}"), true)),
                _ => {
                    // A caller waits for a message that does not come any more.
                    let is_missed = direction != Direction::Response;
                    found.extend(
                        gone.iter().map(|value| (format!("{at} is never {value} any more"), is_missed)),
                    );
                    let is_unknown = direction == Direction::Response;
                    found.extend(new.iter().map(|value| (format!("{at} may be {value} now"), is_unknown)));
                }
            }
        }
        (None, None) => {}
    }
}

/// What a reference leads to.
pub(super) fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str().and_then(|name| document.pointer(name.trim_start_matches('#'))) {
        Some(target) => resolve(document, target),
        None => schema,
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

//! Values that fit a schema: the example in the document, or else one that is generated from the schema.

mod flat;
mod items;
mod text;

use std::cell::Cell;

use serde_json::{Map, Value};

use self::flat::flat;
use crate::engine::{
    documented::validator,
    schema::{requires, resolve},
};

/// How deep a made value is at most: a schema may contain itself.
const DEEPEST: usize = 6;

/// How many parts of a value are validated on the way, at most: a large document has many choices in choices.
const VALIDATED: usize = 200;

/// The longest array that is made.
const MOST_ITEMS: u64 = 1000;

/// A value that fits in nearly every case: the example of the schema, or one that is made from it.
pub(crate) fn example(document: &Value, schema: &Value) -> Value {
    Maker::new(document, 0).value(schema, 0).unwrap_or_else(|unfit| unfit)
}

/// The same where the first that was made does not fit: each part is validated, and optional ones that do not fit are left out.
pub(crate) fn careful_example(document: &Value, schema: &Value) -> Value {
    Maker::new(document, VALIDATED).value(schema, 0).unwrap_or_else(|unfit| unfit)
}

/// An array of this length. Where its schema asks for that, no item is like another, if that can be.
pub(crate) fn array(document: &Value, schema: &Value, length: usize) -> Value {
    let item = example(document, &schema["items"]);
    items::of(document, schema, &item, length).into()
}

/// `value` with every field that its schema knows, and with an item in every array.
pub(crate) fn complete(document: &Value, schema: &Value, value: &Value) -> Value {
    Maker::new(document, 0).completed(schema, value, 0)
}

/// The same where that does not fit: what does not fit is left out.
pub(crate) fn careful_complete(document: &Value, schema: &Value, value: &Value) -> Value {
    Maker::new(document, VALIDATED).completed(schema, value, 0)
}

struct Maker<'a> {
    document: &'a Value,
    /// How many values may still be validated. The rest is assumed to fit.
    left: Cell<usize>,
    is_careful: bool,
}

/// A value that fits, or else one that does not.
type Made = Result<Value, Value>;

impl<'a> Maker<'a> {
    fn new(document: &'a Value, validated: usize) -> Self {
        Self { document, left: Cell::new(validated), is_careful: validated > 0 }
    }

    fn fits(&self, schema: &Value, value: &Value) -> bool {
        let Some(left) = self.left.get().checked_sub(1) else { return true };
        self.left.set(left);
        validator(self.document, schema).is_valid(value)
    }

    /// The first value that fits of those that are shown and those that can be made.
    fn value(&self, schema: &Value, depth: usize) -> Made {
        let mut unfit = None;
        let is_nested = ["allOf", "anyOf", "oneOf"].iter().any(|of| schema.get(*of).is_some());
        if is_nested && depth > DEEPEST {
            return Err(Value::Null);
        }
        for alternative in flat(self.document, schema) {
            let shown = shown(&alternative);
            let made = std::iter::once_with(|| self.made(&alternative, depth));
            for value in shown.into_iter().chain(made) {
                let value = if alternative["type"] == "integer" { whole(value) } else { value };
                if self.fits(schema, &value) {
                    return Ok(value);
                }
                unfit.get_or_insert(value);
            }
        }
        Err(unfit.unwrap_or_default())
    }

    /// A value that is made from a schema without choices.
    fn made(&self, schema: &Value, depth: usize) -> Value {
        match kind(schema) {
            "object" => self.object(schema, &Map::new(), depth),
            "array" => self.array(schema, depth),
            "boolean" => true.into(),
            "integer" | "number" => number(schema),
            "string" => text::of(schema).into(),
            _ => Value::Null,
        }
    }

    fn array(&self, schema: &Value, depth: usize) -> Value {
        let least = schema["minItems"].as_u64().unwrap_or_default();
        if depth > DEEPEST || schema["maxItems"] == 0 {
            return Value::Array(Vec::new());
        }
        match self.value(&schema["items"], depth + 1) {
            Err(_) if least == 0 => Value::Array(Vec::new()),
            Ok(item) | Err(item) => {
                items::of(self.document, schema, &item, least.clamp(1, MOST_ITEMS) as usize).into()
            }
        }
    }

    /// An object with what is `given`, and with every other field that its schema knows.
    fn object(&self, schema: &Value, given: &Map<String, Value>, depth: usize) -> Value {
        let mut object = given.clone();
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let is_required = requires(schema, name);
            // Of what contains itself, only what is required goes on.
            if depth > DEEPEST || (depth > 2 && !object.contains_key(name) && !is_required) {
                continue;
            }
            let made = || self.value(field, depth + 1);
            let value = match object.get(name).cloned().map_or_else(made, Ok) {
                Err(_) if !is_required => continue,
                Ok(value) | Err(value) => value,
            };
            let value = if self.is_careful { value } else { self.completed(field, &value, depth + 1) };
            object.insert(name.clone(), value);
        }
        let others = &schema["additionalProperties"];
        let other = || match others.is_object() {
            true => self.value(others, depth + 1).unwrap_or_else(|unfit| unfit),
            false => "x".into(),
        };
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if depth <= DEEPEST && !object.contains_key(name) {
                object.insert(name.into(), other());
            }
        }
        let least = schema["minProperties"].as_u64().unwrap_or_default().min(MOST_ITEMS) as usize;
        for number in 1..=least {
            if object.len() < least && *others != false && depth <= DEEPEST {
                object.entry(format!("key{number}")).or_insert_with(other);
            }
        }
        object.into()
    }

    fn completed(&self, schema: &Value, value: &Value, depth: usize) -> Value {
        let schema = resolve(self.document, schema);
        match value {
            Value::Object(object) => self.object(schema, object, depth),
            Value::Array(items) if items.is_empty() => self.array(schema, depth),
            Value::Array(items) => {
                let completed = |item| self.completed(&schema["items"], item, depth + 1);
                items.iter().map(completed).collect::<Vec<_>>().into()
            }
            other => other.clone(),
        }
    }
}

/// The values that a document gives for a schema: its example, its enum, its default.
fn shown(schema: &Value) -> Vec<Value> {
    let values = schema["enum"].as_array().into_iter().flatten();
    let default = schema.get("default").filter(|default| !default.is_null());
    schema.get("example").into_iter().chain(values).chain(default).cloned().collect()
}

/// The type of a schema, or what its keywords are for.
fn kind(schema: &Value) -> &str {
    const KEYWORDS: [(&str, &str); 8] = [
        ("properties", "object"),
        ("additionalProperties", "object"),
        ("items", "array"),
        ("minLength", "string"),
        ("maxLength", "string"),
        ("pattern", "string"),
        ("minimum", "number"),
        ("maximum", "number"),
    ];
    let of_keyword = || Some(KEYWORDS.iter().find(|(keyword, _)| !schema[*keyword].is_null())?.1);
    let kind = &schema["type"];
    kind.as_str().or_else(|| kind.get(0)?.as_str()).or_else(of_keyword).unwrap_or_default()
}

/// An integer as such: some services refuse `1.0`.
fn whole(value: Value) -> Value {
    // Beyond, not every integer is a double.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value.as_f64() {
        Some(number) if value.is_f64() && number.fract() == 0.0 && number.abs() < EXACT => {
            (number as i64).into()
        }
        _ => value,
    }
}

/// The number that fits and is nearest to a bound, or else to zero.
fn number(schema: &Value) -> Value {
    let bound = |name: &str| schema[name].as_f64();
    let number = match (bound("exclusiveMinimum"), bound("exclusiveMaximum")) {
        (Some(least), Some(most)) => ((least + most) / 2.0).into(),
        (least, most) => {
            let mut bounds = ["minimum", "maximum"].iter().map(|name| &schema[*name]);
            let next = || least.map(|least| least + 1.0).or(most.map(|most| most - 1.0));
            let bound = bounds.find(|bound| bound.is_number()).cloned();
            bound.or_else(|| Some(next()?.into())).unwrap_or_else(|| 0.into())
        }
    };
    let (Some(value), Some(step)) = (number.as_f64(), bound("multipleOf").filter(|step| *step > 0.0)) else {
        return number;
    };
    let up = (value / step).ceil() * step;
    let is_above = bound("maximum").is_some_and(|most| up > most);
    whole(if is_above { up - step } else { up }.into())
}

#[cfg(test)]
mod tests;

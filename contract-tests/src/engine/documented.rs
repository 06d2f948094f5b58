//! What a document says about one response: its error messages, media types, headers and schema.

use std::{collections::BTreeSet, sync::LazyLock};

use jsonschema::{Draft, Validator};
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::engine::{
    schema::{is_2020, is_json, resolve},
    subject::subject,
};

/// A response, as it is documented.
pub struct Documented {
    /// The exact error texts, if it is an error: the document has them in backticks in the response's description.
    pub texts: Vec<String>,
    /// The values of the `error` of a body, if its schema lists them.
    pub(crate) messages: Vec<Value>,
    /// The media types of the body. Without any, the response has no body.
    pub media_types: Vec<String>,
    /// The headers that must be there.
    pub headers: Vec<String>,
    /// The fields of the body in their order, if it is an object.
    pub fields: Vec<String>,
    /// Judges bodies of the first media type that is JSON. Nothing undocumented is let through.
    pub schema: Validator,
    /// Judges bodies of the other media types that are JSON.
    others: Vec<(String, Validator)>,
}

impl Documented {
    pub(crate) fn new(document: &Value, response: &Value) -> Self {
        let empty = Map::new();
        let content = response["content"].as_object().unwrap_or(&empty);
        let schema = json_content(&response["content"])["schema"].clone();
        let resolved = resolve(document, &schema).clone();
        let messages = resolve(document, &resolved["properties"]["error"])["enum"].as_array();
        let is_error = resolved["properties"].get("error").is_some() && subject().profile.texts_in_backticks;
        let description = response["description"].as_str().unwrap_or_default();
        let texts = in_backticks(description).map(str::to_owned);
        let headers = response["headers"].as_object().unwrap_or(&empty).iter();
        let required = headers.filter(|(_, header)| header["required"] == true);
        let others = content.iter().filter(|(name, _)| is_json(name)).skip(1);
        Self {
            texts: texts.filter(|_| is_error).collect(),
            messages: messages.cloned().unwrap_or_default(),
            media_types: content.keys().cloned().collect(),
            headers: required.map(|(name, _)| name.clone()).collect(),
            fields: resolved["properties"].as_object().unwrap_or(&empty).keys().cloned().collect(),
            schema: validator(document, &schema),
            others: others.map(|(name, one)| (name.clone(), validator(document, &one["schema"]))).collect(),
        }
    }

    /// The validator of a body of this media type. None if it is not JSON.
    pub fn validator(&self, media_type: &str) -> Option<&Validator> {
        let other = self.others.iter().find(|(known, _)| covers(known, media_type));
        match other {
            Some((_, validator)) => Some(validator),
            None => is_json(media_type).then_some(&self.schema),
        }
    }

    /// Whether the response may have this media type.
    pub(crate) fn allows(&self, media_type: &str) -> bool {
        self.media_types.iter().any(|known| covers(known, media_type))
    }
}

/// What is in backticks in a description.
pub(crate) fn in_backticks(description: &str) -> impl Iterator<Item = &str> {
    static TEXT: LazyLock<Regex> = LazyLock::new(|| Regex::new("`([^`]+)`").expect("a pattern"));
    TEXT.captures_iter(description).filter_map(|found| found.get(1)).map(|found| found.as_str())
}

/// Whether a media range of a document covers a media type.
fn covers(range: &str, media_type: &str) -> bool {
    let essence = |text: &str| text.split(';').next().unwrap_or_default().trim().to_lowercase();
    let (range, media_type) = (essence(range), essence(media_type));
    match range.strip_suffix('*') {
        Some("*/") => !media_type.is_empty(),
        Some(kind) => media_type.starts_with(kind),
        None => range == media_type,
    }
}

/// The first content that is JSON, or else the first.
pub(crate) fn json_content(content: &Value) -> &Value {
    let Some(content) = content.as_object() else { return &Value::Null };
    let is_first = |(name, _): &(&String, &Value)| is_json(name);
    content.iter().find(is_first).or_else(|| content.iter().next()).map_or(&Value::Null, |(_, one)| one)
}

/// The media type and the schema of a body that is JSON.
pub(crate) fn json_body(body: &Value) -> (&str, &Value) {
    let content = body["content"].as_object().into_iter().flatten();
    let mut of_json = content.filter(|(name, _)| is_json(name));
    match of_json.next() {
        Some((name, one)) if name.contains('*') => ("application/json", &one["schema"]),
        Some((name, one)) => (name, &one["schema"]),
        None => ("application/json", &Value::Null),
    }
}

/// Validates against a schema. An invalid schema, which [`complaint`] reports, accepts everything.
pub(crate) fn validator(document: &Value, schema: &Value) -> Validator {
    compiled(document, schema).unwrap_or_else(|_| jsonschema::draft7::new(&json!({})).expect("a schema"))
}

/// Why a schema is invalid, if it is.
pub(crate) fn complaint(document: &Value, schema: &Value) -> Option<String> {
    compiled(document, schema).err()
}

fn compiled(document: &Value, schema: &Value) -> Result<Validator, String> {
    let schema = if schema.is_null() { &json!({}) } else { schema };
    let mut names = BTreeSet::new();
    reach(document, schema, &mut names);
    let schemas = names.into_iter().map(|name| {
        let mut schema = document["components"]["schemas"][&name].clone();
        if subject().profile.closed_objects && schema["type"] == "object" {
            schema["additionalProperties"] = false.into();
        }
        (name, schema)
    });
    let schemas: Map<String, Value> = schemas.collect();
    let told = schemas.iter().filter(|(_, schema)| schema.get("discriminator").is_some());
    let told: BTreeSet<String> = told.map(|(name, _)| format!("#/components/schemas/{name}")).collect();
    let mut whole = json!({ "allOf": [schema], "components": { "schemas": schemas } });
    with_null(&mut whole);
    with_discriminators(&mut whole, &told);
    let draft = if is_2020(document) { Draft::Draft202012 } else { Draft::Draft7 };
    let options = jsonschema::options().with_draft(draft).should_validate_formats(true).build(&whole);
    options.map_err(|error| error.to_string())
}

/// The names of the schemas that a schema leads to.
fn reach(document: &Value, schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            if let Some(name) = object
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|it| it.strip_prefix("#/components/schemas/"))
                && names.insert(name.to_owned())
            {
                reach(document, &document["components"]["schemas"][name], names);
            }
            object.values().for_each(|value| reach(document, value, names));
        }
        Value::Array(items) => items.iter().for_each(|item| reach(document, item, names)),
        _ => {}
    }
}

/// Says `nullable` in the way of JSON Schema, which does not know it.
fn with_null(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(with_null);
            if object.get("nullable") == Some(&Value::Bool(true)) {
                let mut rest = std::mem::take(object);
                rest.remove("nullable");
                object.insert("anyOf".into(), json!([rest, { "type": "null" }]));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(with_null),
        _ => {}
    }
}

/// A discriminator, here or in each of the choices, tells which of them it is, though a value may fit others as well. The references
/// to those that have one are `told`.
fn with_discriminators(schema: &mut Value, told: &BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(|value| with_discriminators(value, told));
            let is_told =
                |choice: &Value| choice["$ref"].as_str().is_some_and(|reference| told.contains(reference));
            let choices = object.get("oneOf").and_then(Value::as_array);
            let are_told = choices.is_some_and(|choices| choices.iter().all(is_told));
            if (are_told || object.contains_key("discriminator"))
                && !object.contains_key("anyOf")
                && let Some(choices) = object.remove("oneOf")
            {
                object.insert("anyOf".into(), choices);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| with_discriminators(item, told)),
        _ => {}
    }
}

/// The schemas without the fields of which `only` says that they go the other way: `readOnly` ones are not sent.
pub(crate) fn without(document: &Value, only: &str) -> Value {
    let mut document = document.clone();
    strip(&mut document, only);
    document
}

/// Removes from a schema and from what is in it each field that goes the other way.
pub(crate) fn strip(schema: &mut Value, only: &str) {
    match schema {
        Value::Object(object) => {
            let properties = object.get("properties").and_then(Value::as_object);
            let names = properties.into_iter().flatten().filter(|(_, field)| field[only] == true);
            let names: Vec<String> = names.map(|(name, _)| name.clone()).collect();
            if !names.is_empty() {
                if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
                    properties.retain(|name, _| !names.contains(name));
                }
                if let Some(required) = object.get_mut("required").and_then(Value::as_array_mut) {
                    required.retain(|name| !names.iter().any(|other| name == other));
                }
                if let Some(example) = object.get_mut("example").and_then(Value::as_object_mut) {
                    example.retain(|name, _| !names.contains(name));
                }
            }
            object.values_mut().for_each(|value| strip(value, only));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| strip(item, only)),
        _ => {}
    }
}

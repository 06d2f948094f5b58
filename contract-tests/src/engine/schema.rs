//! Schemas: what a reference leads to, and values that fit.

use serde_json::{Map, Value};

/// What a reference leads to. A reference with a description of its own is an `allOf` of one.
pub(crate) fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#')).expect("what is referred to");
        return resolve(document, target);
    }
    match schema["allOf"].as_array().map(Vec::as_slice) {
        Some([only]) if schema["properties"].is_null() => resolve(document, only),
        _ => schema,
    }
}

/// Whether an object of this schema must have the field.
pub(crate) fn requires(schema: &Value, field: &str) -> bool {
    schema["required"].as_array().into_iter().flatten().any(|required| required == field)
}

/// The names in the path of a template, such as `id` of `/products/{id}`.
pub(crate) fn path_parameters(template: &str) -> impl Iterator<Item = &str> {
    template.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

/// A value that fits: the example of the schema, or one that is made from it.
pub(crate) fn example(document: &Value, schema: &Value) -> Value {
    let schema = resolve(document, schema);
    if let Some(example) = schema.get("example") {
        return example.clone();
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    match schema["type"].as_str() {
        Some("object") => complete(document, schema, &Value::Object(Map::new())),
        Some("array") => {
            let length = schema["minItems"].as_u64().unwrap_or(1).max(1) as usize;
            vec![example(document, &schema["items"]); length].into()
        }
        Some("boolean") => true.into(),
        Some("integer" | "number") => ["minimum", "maximum"]
            .iter()
            .map(|bound| &schema[*bound])
            .find(|bound| bound.is_number())
            .cloned()
            .unwrap_or_else(|| 0.into()),
        Some("string") => match schema["format"].as_str() {
            Some("date") => "2020-01-31".into(),
            Some("date-time") => "2020-01-31T12:00:00Z".into(),
            Some("uuid") => "6f1c1f6e-5b0a-4a43-9c3e-0f1d6d3f2a11".into(),
            Some("email") => "someone@example.org".into(),
            Some("uri" | "url") => "https://example.org/".into(),
            _ => "x".repeat(schema["minLength"].as_u64().unwrap_or(1).max(1) as usize).into(),
        },
        _ => Value::Null,
    }
}

/// `value` with every field that its schema knows, and with an item in every array.
pub(crate) fn complete(document: &Value, schema: &Value, value: &Value) -> Value {
    let schema = resolve(document, schema);
    match value {
        Value::Object(object) => {
            let mut object = object.clone();
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                let present = object.get(name).cloned().unwrap_or_else(|| example(document, field));
                object.insert(name.clone(), complete(document, field, &present));
            }
            object.into()
        }
        Value::Array(items) if items.is_empty() => vec![example(document, &schema["items"])].into(),
        Value::Array(items) => {
            items.iter().map(|item| complete(document, &schema["items"], item)).collect::<Vec<_>>().into()
        }
        other => other.clone(),
    }
}

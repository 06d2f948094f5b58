//! Schemas: what a reference leads to, and values that fit.

use serde_json::{Map, Value};

/// What else an item of a path can have is no operation (OpenAPI 3.0, "Path Item Object").
pub(crate) const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Whether a document has the dialect of JSON Schema that OpenAPI 3.1 has.
pub(crate) fn is_2020(document: &Value) -> bool {
    document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1"))
}

/// What a reference leads to. A reference with a description of its own is an `allOf` of one.
pub(crate) fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    // References that lead in a circle lead nowhere.
    for _ in 0..100 {
        if let Some(reference) = schema["$ref"].as_str() {
            schema = document.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null);
            continue;
        }
        match schema["allOf"].as_array().map(Vec::as_slice) {
            Some([only]) if schema["properties"].is_null() => schema = only,
            _ => return schema,
        }
    }
    &Value::Null
}

/// Whether a media type is JSON, in itself or in its structure (RFC 6839, section 3.1).
pub(crate) fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_lowercase();
    essence == "application/json"
        || essence == "*/*"
        || essence == "application/*"
        || essence.ends_with("+json")
}

/// Whether an object of this schema must have the field.
pub(crate) fn requires(schema: &Value, field: &str) -> bool {
    schema["required"].as_array().into_iter().flatten().any(|required| required == field)
}

/// The names in the path of a template, such as `id` of `/products/{id}`.
pub(crate) fn path_parameters(template: &str) -> impl Iterator<Item = &str> {
    template.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

/// How deep a made value is at most: a schema may contain itself.
const DEEPEST: usize = 6;

/// A value that fits: the example of the schema, or one that is made from it.
pub(crate) fn example(document: &Value, schema: &Value) -> Value {
    example_at(document, schema, 0)
}

fn example_at(document: &Value, schema: &Value, depth: usize) -> Value {
    let schema = resolve(document, schema);
    if let Some(example) = schema.get("example") {
        return example.clone();
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    if let Some(default) = schema.get("default").filter(|default| !default.is_null()) {
        return default.clone();
    }
    // Of several choices, the first will do.
    if let Some(first) = ["oneOf", "anyOf"].iter().find_map(|of| schema[*of].get(0)) {
        return if depth > DEEPEST { Value::Null } else { example_at(document, first, depth + 1) };
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"].get(0)?.as_str());
    match kind {
        Some("object") => complete_at(document, schema, &Value::Object(Map::new()), depth),
        Some("array") if depth > DEEPEST => Value::Array(Vec::new()),
        Some("array") => {
            let length = schema["minItems"].as_u64().unwrap_or(1).clamp(1, 1000) as usize;
            vec![example_at(document, &schema["items"], depth + 1); length].into()
        }
        Some("boolean") => true.into(),
        Some("integer" | "number") => number(schema),
        Some("string") => match schema["format"].as_str() {
            Some("date") => "2020-01-31".into(),
            Some("date-time") => "2020-01-31T12:00:00Z".into(),
            Some("uuid") => "6f1c1f6e-5b0a-4a43-9c3e-0f1d6d3f2a11".into(),
            Some("email") => "someone@example.org".into(),
            Some("uri" | "url") => "https://example.org/".into(),
            _ => "x".repeat(schema["minLength"].as_u64().unwrap_or(1).clamp(1, 100_000) as usize).into(),
        },
        _ => Value::Null,
    }
}

/// The number that fits and is nearest to a bound, or else to zero.
fn number(schema: &Value) -> Value {
    let exclusive = |bound: &str, step: f64| Some(Value::from(schema[bound].as_f64()? + step));
    let bound = ["minimum", "maximum"].iter().map(|bound| &schema[*bound]).find(|bound| bound.is_number());
    let number = bound
        .cloned()
        .or_else(|| exclusive("exclusiveMinimum", 1.0))
        .or_else(|| exclusive("exclusiveMaximum", -1.0))
        .unwrap_or_else(|| 0.into());
    let (Some(value), Some(step)) =
        (number.as_f64(), schema["multipleOf"].as_f64().filter(|step| *step > 0.0))
    else {
        return number;
    };
    let multiple = (value / step).ceil() * step;
    if multiple.fract() == 0.0 { (multiple as i64).into() } else { multiple.into() }
}

/// `value` with every field that its schema knows, and with an item in every array.
pub(crate) fn complete(document: &Value, schema: &Value, value: &Value) -> Value {
    complete_at(document, schema, value, 0)
}

fn complete_at(document: &Value, schema: &Value, value: &Value, depth: usize) -> Value {
    let schema = resolve(document, schema);
    match value {
        Value::Object(object) => {
            let mut object = object.clone();
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                // Of what contains itself, only what is required goes on.
                if depth > DEEPEST || (depth > 2 && !object.contains_key(name) && !requires(schema, name)) {
                    continue;
                }
                let present = object.get(name).cloned();
                let present = present.unwrap_or_else(|| example_at(document, field, depth + 1));
                object.insert(name.clone(), complete_at(document, field, &present, depth + 1));
            }
            object.into()
        }
        Value::Array(items) if items.is_empty() && depth <= DEEPEST => {
            vec![example_at(document, &schema["items"], depth + 1)].into()
        }
        Value::Array(items) => {
            let complete = |item| complete_at(document, &schema["items"], item, depth + 1);
            items.iter().map(complete).collect::<Vec<_>>().into()
        }
        other => other.clone(),
    }
}

//! Schemas: resolves references, and reads keywords.

use serde_json::Value;

/// Other keys of a path item are not operations (OpenAPI 3.0, "Path Item Object").
pub(crate) const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Whether a document has the dialect of JSON Schema that OpenAPI 3.1 has.
pub(crate) fn is_2020(document: &Value) -> bool {
    document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1"))
}

/// The target of a reference. A reference with a description of its own is an `allOf` of one.
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

//! Normalizes schemas, so that each constraint is written in one way.

use serde_json::{Map, Value, json};

/// A schema whose parts are in this form already.
///
/// `null` beside a type is `nullable`, as in OpenAPI 3.0; a `const` is an `enum` of one; exclusive bounds are numbers, as in 3.1,
/// and those of integers are the next integer.
pub(super) fn normal(mut schema: Map<String, Value>, is_2020: bool) -> Value {
    if !is_2020 && schema.contains_key("$ref") {
        // What stands beside a reference is ignored (OpenAPI 3.0, "Reference Object").
        schema.retain(|key, _| key == "$ref");
        return schema.into();
    }
    if let Some(Value::Array(types)) = schema.get("type") {
        let others: Vec<Value> = types.iter().filter(|kind| *kind != "null").cloned().collect();
        if others.len() < types.len() && !others.is_empty() {
            schema.insert("nullable".into(), true.into());
        }
        match others.as_slice() {
            [one] => drop(schema.insert("type".into(), one.clone())),
            [] => drop(schema.insert("type".into(), "null".into())),
            _ => drop(schema.insert("type".into(), others.into())),
        }
    }
    for of in ["anyOf", "oneOf"] {
        let Some(Value::Array(choices)) = schema.get(of) else { continue };
        let others: Vec<Value> = choices.iter().filter(|choice| choice["type"] != "null").cloned().collect();
        if others.len() < choices.len() && !others.is_empty() {
            schema.insert("nullable".into(), true.into());
            schema.remove(of);
            match <[Value; 1]>::try_from(others) {
                Ok([Value::Object(one)]) if !one.contains_key("$ref") => {
                    // Words beside the choice go before the words in it.
                    for (key, value) in one {
                        schema.entry(key).or_insert(value);
                    }
                }
                Ok(one) => drop(schema.insert("allOf".into(), one.to_vec().into())),
                Err(others) => drop(schema.insert(of.into(), others.into())),
            }
        }
    }
    if let Some(only) = schema.remove("const") {
        schema.insert("enum".into(), json!([only]));
    }
    for (exclusive, bound, step) in [("exclusiveMinimum", "minimum", 1), ("exclusiveMaximum", "maximum", -1)]
    {
        match schema.get(exclusive) {
            Some(Value::Bool(true)) => {
                schema.remove(exclusive);
                if let Some(value) = schema.remove(bound) {
                    schema.insert(exclusive.into(), value);
                }
            }
            Some(Value::Bool(false)) => drop(schema.remove(exclusive)),
            _ => {}
        }
        let is_integer = schema.get("type").is_some_and(|kind| kind == "integer");
        let next = schema.get(exclusive).and_then(Value::as_i64).filter(|_| is_integer);
        if let Some(next) = next.and_then(|next| next.checked_add(step))
            && !schema.contains_key(bound)
        {
            schema.remove(exclusive);
            schema.insert(bound.into(), next.into());
        }
    }
    if let Some(first) = schema.get("examples").and_then(|examples| examples.get(0)).cloned() {
        schema.entry("example").or_insert(first);
    }
    if !schema.contains_key("type") && schema.get("properties").is_some_and(Value::is_object) {
        schema.insert("type".into(), "object".into());
    }
    schema.into()
}

/// What an object may have so that one of several is the same as all of them at once.
const PLAIN: [&str; 12] = [
    "type",
    "properties",
    "required",
    "description",
    "title",
    "example",
    "examples",
    "nullable",
    "deprecated",
    "discriminator",
    "externalDocs",
    "xml",
];

/// Makes one object of an `allOf` of objects, wherever that is the same.
pub(super) fn merge(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    let mut within = |value: &mut Value| merge_in(value, &schemas, 0);
    if let Some(all) = document["components"]["schemas"].as_object_mut() {
        all.values_mut().for_each(&mut within);
    }
    if let Some(paths) = document.get_mut("paths") {
        within(paths);
    }
}

fn merge_in(value: &mut Value, schemas: &Value, depth: usize) {
    if depth > 100 {
        return;
    }
    if let Some(merged) = merged(value, schemas, 0) {
        *value = merged;
    }
    match value {
        Value::Object(object) => object
            .iter_mut()
            .filter(|(key, _)| !matches!(key.as_str(), "example" | "examples" | "default" | "enum" | "value"))
            .for_each(|(_, value)| merge_in(value, schemas, depth + 1)),
        Value::Array(items) => items.iter_mut().for_each(|item| merge_in(item, schemas, depth + 1)),
        _ => {}
    }
}

/// The object that an `allOf` of several objects, or of one and some properties beside it, comes to.
fn merged(schema: &Value, schemas: &Value, depth: usize) -> Option<Value> {
    let parts = schema.get("allOf")?.as_array()?;
    let has_own = schema.get("properties").is_some_and(Value::is_object);
    if depth > 20 || (parts.len() < 2 && !has_own) {
        return None;
    }
    let mut whole = schema.as_object()?.clone();
    whole.remove("allOf");
    let mut properties = Map::new();
    let mut required: Vec<Value> = Vec::new();
    let own = Value::Object(whole.clone());
    for part in parts.iter().chain([&own]) {
        let mut part = part;
        for _ in 0..20 {
            let Some(reference) = part.get("$ref").and_then(Value::as_str) else { break };
            part = schemas.get(reference.strip_prefix("#/components/schemas/")?)?;
        }
        let inner = merged(part, schemas, depth + 1);
        let part = inner.as_ref().unwrap_or(part).as_object()?;
        let is_plain = part.iter().all(|(key, value)| {
            PLAIN.contains(&key.as_str())
                || key.starts_with("x-")
                || (key == "additionalProperties" && (*value == true || *value == json!({})))
        });
        let is_object = part.get("type").is_none_or(|kind| kind == "object");
        if !is_plain || !is_object {
            return None;
        }
        for (name, property) in part.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if properties.get(name).is_some_and(|known| known != property) {
                return None;
            }
            properties.entry(name).or_insert_with(|| property.clone());
        }
        if let Some(discriminator) = part.get("discriminator") {
            whole.entry("discriminator").or_insert_with(|| discriminator.clone());
        }
        required.extend(part.get("required").and_then(Value::as_array).into_iter().flatten().cloned());
    }
    whole.insert("type".into(), "object".into());
    whole.insert("properties".into(), properties.into());
    let mut distinct: Vec<Value> = Vec::new();
    required.into_iter().for_each(|name| {
        if !distinct.contains(&name) {
            distinct.push(name)
        }
    });
    if !distinct.is_empty() {
        whole.insert("required".into(), distinct.into());
    }
    Some(whole.into())
}

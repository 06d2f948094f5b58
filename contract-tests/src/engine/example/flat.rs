//! A schema without `allOf`, `anyOf` and `oneOf`: all parts merged, with one alternative of each choice.

use serde_json::{Map, Value, json};

/// How deep choices in choices are followed.
const DEEPEST: usize = 6;

/// How many alternatives a schema has at most.
const MOST: usize = 32;

/// The alternatives of a schema, in its order. One whose parts contradict each other admits nothing.
pub(super) fn flat(document: &Value, schema: &Value) -> Vec<Value> {
    let (_, own) = named(document, schema);
    let shown =
        ["example", "default"].into_iter().filter_map(|key| Some((key.to_owned(), own.get(key)?.clone())));
    let with_shown = |mut alternative: Map<String, Value>| {
        alternative.extend(shown.clone());
        alternative.into()
    };
    alternatives(document, schema, None, 0).into_iter().map(with_shown).collect()
}

/// The same for a schema that stands in one which the document calls `name`.
fn alternatives(
    document: &Value,
    schema: &Value,
    name: Option<&str>,
    depth: usize,
) -> Vec<Map<String, Value>> {
    let (own_name, schema) = named(document, schema);
    let name = name.or(own_name);
    let mut own = schema.as_object().cloned().unwrap_or_default();
    let parts = own.shift_remove("allOf");
    let choices = ["anyOf", "oneOf"].map(|of| own.shift_remove(of));
    if depth > DEEPEST {
        return vec![own];
    }
    let discriminator = own.shift_remove("discriminator").unwrap_or_default();
    if choices.iter().all(Option::is_none) {
        discriminate(document, &mut own, &discriminator, name);
    }
    let mut all = vec![own];
    for part in parts.iter().filter_map(Value::as_array).flatten() {
        all = each_with_each(&all, &alternatives(document, part, name, depth + 1));
    }
    for choices in choices.iter().flatten().filter_map(Value::as_array) {
        let of_choice = |choice: &Value| {
            let (name, _) = named(document, choice);
            let mut alternatives = alternatives(document, choice, None, depth + 1);
            for alternative in &mut alternatives {
                discriminate(document, alternative, &discriminator, name);
            }
            alternatives
        };
        let chosen: Vec<_> = choices.iter().flat_map(of_choice).take(MOST).collect();
        all = if chosen.is_empty() { all } else { each_with_each(&all, &chosen) };
    }
    all
}

/// The target of a reference, and its name in the document.
fn named<'a>(document: &'a Value, mut schema: &'a Value) -> (Option<&'a str>, &'a Value) {
    let mut name = None;
    // References that lead in a circle lead nowhere.
    for _ in 0..100 {
        let Some(reference) = schema["$ref"].as_str() else { return (name, schema) };
        name = reference.rsplit('/').next();
        schema = document.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null);
    }
    (None, &Value::Null)
}

/// Says in the field of a discriminator which schema it is (OpenAPI 3.1, "Discriminator Object").
fn discriminate(
    document: &Value,
    schema: &mut Map<String, Value>,
    discriminator: &Value,
    name: Option<&str>,
) {
    let Some(field) = discriminator["propertyName"].as_str() else { return };
    let mapping = || discriminator["mapping"].as_object().into_iter().flatten();
    let is_it = |target: &Value| {
        let target = target.as_str().and_then(|target| target.rsplit('/').next());
        target.is_some() && target == name
    };
    let mapped = mapping().find(|(_, target)| is_it(target)).or_else(|| mapping().next());
    let Some(value) = mapped.map(|(value, _)| value.as_str()).or(name) else { return };
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    let (_, known) = named(document, &properties[field]);
    let is_allowed = known["enum"].as_array().is_none_or(|values| values.iter().any(|known| known == value));
    let Some(properties) = properties.as_object_mut().filter(|_| is_allowed) else { return };
    properties.insert(field.into(), json!({ "type": "string", "enum": [value] }));
    let required = schema.entry("required").or_insert_with(|| json!([]));
    if let Some(required) = required.as_array_mut().filter(|required| !required.iter().any(|it| it == field))
    {
        required.push(field.into());
    }
}

fn each_with_each(ones: &[Map<String, Value>], others: &[Map<String, Value>]) -> Vec<Map<String, Value>> {
    let pairs = ones.iter().flat_map(|one| others.iter().map(move |other| both(one, other)));
    pairs.take(MOST).collect()
}

/// The intersection of both.
fn both(one: &Map<String, Value>, other: &Map<String, Value>) -> Map<String, Value> {
    let is_annotation = |key: &str| {
        ["title", "description", "deprecated", "nullable"].contains(&key) || key.starts_with("x-")
    };
    if one.keys().all(|key| is_annotation(key)) {
        return other.clone();
    }
    if other.keys().all(|key| is_annotation(key)) {
        return one.clone();
    }
    let mut both = one.clone();
    for (key, value) in other {
        let known = both.get(key).cloned();
        let value = known.map_or_else(|| value.clone(), |known| common(key, known, value));
        both.insert(key.clone(), value);
    }
    // What shows a part does not show the whole.
    both.retain(|key, _| !["example", "default"].contains(&key.as_str()));
    both
}

/// The merged value of a keyword that both schemas have.
fn common(keyword: &str, one: Value, other: &Value) -> Value {
    let is_less = |one: &Value| one.as_f64() < other.as_f64();
    match (keyword, one) {
        (_, one) if one == *other => one,
        ("properties", Value::Object(mut fields)) => {
            for (name, field) in other.as_object().into_iter().flatten() {
                let known = fields.get(name).cloned();
                let field = known.map_or_else(|| field.clone(), |known| common("items", known, field));
                fields.insert(name.clone(), field);
            }
            fields.into()
        }
        ("items" | "additionalProperties", one) => match (one.is_object(), other.is_object()) {
            (true, true) => json!({ "allOf": [one, other] }),
            (true, false) => one,
            _ => other.clone(),
        },
        ("required", Value::Array(mut names)) => {
            let more = other.as_array().into_iter().flatten().filter(|name| !names.contains(name));
            let more: Vec<Value> = more.cloned().collect();
            names.extend(more);
            names.into()
        }
        ("enum", Value::Array(mut values)) => {
            values.retain(|value| other.as_array().is_some_and(|others| others.contains(value)));
            values.into()
        }
        ("type", one) if one == "number" || one.is_array() => other.clone(),
        ("minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties", one) => {
            if is_less(&one) { other.clone() } else { one }
        }
        ("maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties", one) => {
            if is_less(&one) { one } else { other.clone() }
        }
        (_, one) => one,
    }
}

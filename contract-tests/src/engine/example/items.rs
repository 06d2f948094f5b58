//! The items of an array.

use serde_json::Value;

use crate::engine::schema::resolve;

/// The longest array that is made, in characters of JSON: each item may be a long array, too.
const LONGEST: usize = 1024 * 1024;

/// As many items as wanted. Where the schema of the array asks for that, no item is like another, if that can be.
pub(super) fn of(document: &Value, schema: &Value, item: &Value, length: usize) -> Vec<Value> {
    let length = length.min(LONGEST / item.to_string().len());
    match schema["uniqueItems"] == true {
        true => (0..length).map(|index| another(document, &schema["items"], item, index)).collect(),
        false => vec![item.clone(); length],
    }
}

/// The value after so many others, which differs from each of them wherever that follows from its schema.
fn another(document: &Value, schema: &Value, value: &Value, index: usize) -> Value {
    let schema = resolve(document, schema);
    if index == 0 {
        return value.clone();
    }
    if let Some(values) = schema["enum"].as_array() {
        let mut others = values.iter().filter(|other| *other != value);
        return others.nth(index - 1).unwrap_or(value).clone();
    }
    match value {
        Value::Bool(flag) => (*flag == (index > 1)).into(),
        Value::Number(number) => {
            let step = &schema["multipleOf"];
            match (number.as_i64(), step.as_i64().or(step.is_null().then_some(1))) {
                (Some(number), Some(step)) => number.saturating_add(step.saturating_mul(index as i64)).into(),
                _ => {
                    (number.as_f64().unwrap_or_default() + step.as_f64().unwrap_or(1.0) * index as f64).into()
                }
            }
        }
        Value::String(text) => another_text(schema, text, index).into(),
        Value::Object(fields) => {
            let varied = fields.iter().find_map(|(name, field)| {
                let other = another(document, schema["properties"].get(name)?, field, index);
                (other != *field).then(|| (name.clone(), other))
            });
            let mut object = fields.clone();
            object.extend(varied);
            object.into()
        }
        other => other.clone(),
    }
}

fn another_text(schema: &Value, text: &str, index: usize) -> String {
    match schema["format"].as_str() {
        Some("uuid") => format!("6f1c1f6e-5b0a-4a43-9c3e-{index:012x}"),
        Some("email" | "idn-email") => format!("someone{index}@example.org"),
        Some("uri" | "url" | "uri-reference") => format!("https://example.org/{index}"),
        Some("ipv4") => format!("192.0.2.{}", index + 1),
        Some("date" | "date-time" | "time" | "duration") => text.to_owned(),
        _ => {
            let number = index.to_string();
            let most = schema["maxLength"].as_u64().map_or(usize::MAX, |most| most as usize);
            let kept = most.saturating_sub(number.len());
            text.chars().take(kept).chain(number.chars()).collect()
        }
    }
}

//! Values that do not fit a schema.

use regex::Regex;
use serde_json::Value;

use crate::engine::limits::{FORMATS, LONGEST, Limit, limits as limits_of};

/// Values that do not fit a schema, as JSON, and in which way. Some are so near to one that fits that no double tells them apart.
pub(super) fn wrong_values(document: &Value, schema: &Value) -> Vec<(&'static str, String)> {
    let kind = schema["type"].as_str().unwrap_or_default();
    let mut values: Vec<(&'static str, String)> = Vec::new();
    let others = [
        ("as_a_boolean", "true", "boolean"),
        ("as_an_array", "[]", "array"),
        ("as_an_object", "{}", "object"),
    ];
    values.extend(
        others.iter().filter(|(.., of)| *of != kind).map(|(what, value, _)| (*what, (*value).into())),
    );
    match kind {
        "string" => {
            values.push(("as_a_number", "1".into()));
            values.extend(wrong_texts(schema));
        }
        "integer" | "number" => values.extend(wrong_numbers(schema, kind)),
        "boolean" => values.extend([("as_a_number", "1".into()), ("as_a_string", "\"true\"".into())]),
        "array" | "object" => values.extend([("as_a_number", "1".into()), ("as_a_string", "\"[]\"".into())]),
        _ => values.clear(),
    }
    if kind == "array" {
        let beyond = limits_of(document, schema).into_iter().filter(|limit| !limit.is_within);
        let name = |limit: &Limit| match limit.name().as_str() {
            "with too many items" => "with_too_many_items",
            _ => "with_too_few_items",
        };
        values.extend(beyond.filter_map(|limit| Some((name(&limit), limit.value.as_ref()?.to_string()))));
    }
    values
}

fn wrong_texts(schema: &Value) -> Vec<(&'static str, String)> {
    let quoted = |text: &str| Value::from(text).to_string();
    if schema["enum"].is_array() {
        return vec![("not_in_its_enum", quoted("SOMETHING_ELSE"))];
    }
    let length = |name: &str| {
        let length = schema[name].as_u64().and_then(|length| usize::try_from(length).ok());
        length.filter(|length| *length < LONGEST)
    };
    let mut values = Vec::new();
    if let Some(longest) = length("maxLength") {
        values.push(("too_long", quoted(&"é".repeat(longest + 1))));
    }
    values.push(("with_a_null_character", r#""a\u0000b""#.into()));
    if let Some(shortest) = length("minLength").filter(|shortest| *shortest > 1) {
        values.push(("too_short", quoted(&"x".repeat(shortest - 1))));
    }
    let pattern = schema["pattern"].as_str().and_then(|pattern| Regex::new(pattern).ok());
    let unfit = |pattern: Regex| ["x", "1", " ", "é", "!"].into_iter().find(|text| !pattern.is_match(text));
    values.extend(pattern.and_then(unfit).map(|text| ("against_its_pattern", quoted(text))));
    if schema["format"].as_str().is_some_and(|format| FORMATS.contains(&format)) {
        values.push(("against_its_format", quoted("x")));
    }
    values
}

fn wrong_numbers(schema: &Value, kind: &str) -> Vec<(&'static str, String)> {
    let (least, most) = (schema["minimum"].as_i64(), schema["maximum"].as_i64());
    let mut values = vec![("as_a_string", "\"1\"".into())];
    // As text, a number may be beyond what any integer here holds.
    values.extend(least.map(|least| ("below_its_minimum", (i128::from(least) - 1).to_string())));
    values.extend(most.map(|most| ("above_its_maximum", (i128::from(most) + 1).to_string())));
    values.extend(least.map(|least| {
        let by_a_hair = match least {
            0 => "-1e-400".into(),
            1.. => format!("{}.99999999999999999999", least - 1),
            _ => format!("{least}.00000000000000000001"),
        };
        ("below_its_minimum_by_a_hair", by_a_hair)
    }));
    values.extend(most.map(|most| ("above_its_maximum_by_a_hair", format!("{most}.00000000000000000001"))));
    values.push(("that_overflows", "1e999999999".into()));
    if kind == "integer" {
        values.push(("with_a_fraction", "1.5".into()));
        values.push(("with_a_tiny_fraction", "1.0000000000000000000001".into()));
    } else {
        values.push(("that_would_be_rounded", "0.1000000000000000055511151231257827".into()));
    }
    values
}

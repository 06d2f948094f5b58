//! The limits of schemas: values at the edge of what a schema allows, and one beyond.

use regex::Regex;
use serde_json::Value;

use super::{example, schema::resolve};

/// The longest text or array that is worth being sent, in characters of JSON: a body has its limit, too.
pub(crate) const LONGEST: usize = 32 * 1024;

/// A limit of a schema, at its edge or one beyond.
#[derive(Debug, PartialEq)]
pub(crate) struct Limit {
    what: &'static str,
    /// A value there, if one follows from the schema.
    pub(crate) value: Option<Value>,
    /// Whether the schema admits it.
    pub(crate) is_within: bool,
}

impl Limit {
    pub(crate) fn named(&self, at: &str) -> String {
        format!("{at}: {}", self.name())
    }

    /// Such as `at its maximum`.
    pub(crate) fn name(&self) -> String {
        match (&self.value, self.what) {
            (Some(value), "one of its values") => value.to_string(),
            _ => self.what.to_owned(),
        }
    }
}

/// Every limit of `schema`.
pub(crate) fn limits(document: &Value, schema: &Value) -> Vec<Limit> {
    let schema = resolve(document, schema);
    let limit = |what, value, is_within| Limit { what, value, is_within };
    let mut limits = Vec::new();
    if let Some(values) = schema["enum"].as_array() {
        limits.extend(values.iter().map(|value| limit("one of its values", Some(value.clone()), true)));
        limits.push(limit("not in its enum", Some("SOMETHING_ELSE".into()), false));
        return limits;
    }
    match schema["type"].as_str() {
        Some("integer" | "number") => {
            if let Some(least) = whole(&schema["minimum"]) {
                limits.push(limit("at its minimum", Some(least.into()), true));
                limits.push(limit("below its minimum", Some(least.saturating_sub(1).into()), false));
            }
            if let Some(most) = whole(&schema["maximum"]) {
                limits.push(limit("at its maximum", Some(most.into()), true));
                limits.push(limit("above its maximum", Some(most.saturating_add(1).into()), false));
            }
        }
        Some("string") => {
            if let Some(least) =
                whole(&schema["minLength"]).filter(|least| *least > 0 && (*least as usize) < LONGEST)
            {
                limits.push(limit("as short as it may be", Some("x".repeat(least as usize).into()), true));
                limits.push(limit("too short", Some("x".repeat(least as usize - 1).into()), false));
            }
            let pattern = schema["pattern"].as_str().and_then(|pattern| Regex::new(pattern).ok());
            let fits = |text: &str| pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
            if let Some(most) = whole(&schema["maxLength"]).filter(|most| (0..LONGEST as i64).contains(most))
            {
                // The longest text that fits a pattern need not follow from it.
                let letter = if pattern.is_some() { "x" } else { "é" };
                let longest = fits(&letter.repeat(most as usize));
                let longest = |more| longest.then(|| letter.repeat(most as usize + more).into());
                limits.push(limit("as long as it may be", longest(0), true));
                limits.push(limit("too long", longest(1), false));
            }
            if !schema["pattern"].is_null() {
                let unfit = ["é", " ", "!", "x"].into_iter().find(|text| !fits(text));
                limits.push(limit("against its pattern", unfit.map(Value::from), false));
            }
        }
        Some("boolean") => {
            limits.extend([true, false].map(|value| limit("one of its values", Some(value.into()), true)));
        }
        Some("array") => {
            let item = example::example(document, &schema["items"]);
            let of = |length: i64| Some(example::array(document, schema, length as usize));
            if let Some(least) = whole(&schema["minItems"]).filter(|least| (1..1000).contains(least)) {
                limits.push(limit("with as few items as it may have", of(least), true));
                limits.push(limit("with too few items", of(least - 1), false));
            }
            let is_sent = |most: &i64| (*most as usize).saturating_mul(item.to_string().len() + 1) < LONGEST;
            if let Some(most) = whole(&schema["maxItems"]).filter(is_sent) {
                limits.push(limit("with as many items as it may have", of(most), true));
                limits.push(limit("with too many items", of(most + 1), false));
            }
        }
        _ => {}
    }
    limits
}

/// The formats of texts of which one that does not fit is tried.
pub(crate) const FORMATS: [&str; 5] = ["date", "date-time", "uuid", "email", "uri"];

/// The keywords that limit `schema`, and at which no value is tried.
pub(crate) fn untried(document: &Value, schema: &Value) -> Vec<&'static str> {
    let schema = resolve(document, schema);
    let is_there = |keyword: &str| !schema[keyword].is_null() && schema[keyword] != false;
    let is_above = |keyword: &str, most: usize| {
        whole(&schema[keyword]).is_some_and(|limit| usize::try_from(limit).is_ok_and(|limit| limit >= most))
    };
    let is_untried = |keyword: &&str| match *keyword {
        "minimum" | "maximum" => is_there(keyword) && whole(&schema[*keyword]).is_none(),
        "minLength" | "maxLength" => is_above(keyword, LONGEST),
        "minItems" => is_above(keyword, 1000),
        "maxItems" => {
            let tried = limits(document, schema);
            is_there(keyword) && !tried.iter().any(|limit| limit.what == "with too many items")
        }
        "format" => schema[*keyword].as_str().is_some_and(|format| !FORMATS.contains(&format)),
        _ => is_there(keyword),
    };
    let keywords: &[&str] = match schema["type"].as_str() {
        _ if schema["enum"].is_array() => &[],
        Some("integer" | "number") => {
            &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]
        }
        Some("string") => &["minLength", "maxLength", "format"],
        Some("array") => &["minItems", "maxItems", "uniqueItems"],
        _ => &[],
    };
    keywords.iter().copied().filter(is_untried).collect()
}

/// The limits that `value` meets.
pub(crate) fn met(document: &Value, schema: &Value, value: &Value) -> Vec<Limit> {
    let schema = resolve(document, schema);
    let meets = |limit: &Limit| match limit.what {
        "with as few items as it may have"
        | "with too few items"
        | "with as many items as it may have"
        | "with too many items" => {
            let Some(length) = value.as_array().map(|items| items.len() as i64) else { return false };
            let (least, most) = (whole(&schema["minItems"]), whole(&schema["maxItems"]));
            match limit.what {
                "with as few items as it may have" => Some(length) == least,
                "with too few items" => least.is_some_and(|least| length < least),
                "with as many items as it may have" => Some(length) == most,
                _ => most.is_some_and(|most| length > most),
            }
        }
        "as short as it may be" | "too short" | "as long as it may be" | "too long" => {
            let Some(text) = value.as_str() else { return false };
            let length = text.chars().count() as i64;
            let (least, most) = (whole(&schema["minLength"]), whole(&schema["maxLength"]));
            match limit.what {
                "as short as it may be" => Some(length) == least,
                "too short" => least.is_some_and(|least| length < least),
                "as long as it may be" => Some(length) == most,
                _ => most.is_some_and(|most| length > most),
            }
        }
        "against its pattern" => {
            let pattern = schema["pattern"].as_str().and_then(|pattern| Regex::new(pattern).ok());
            value.as_str().is_some_and(|text| pattern.is_some_and(|pattern| !pattern.is_match(text)))
        }
        "not in its enum" => schema["enum"].as_array().is_some_and(|values| !values.contains(value)),
        "one of its values" => limit.value.as_ref() == Some(value),
        _ => whole(value).is_some() && limit.value.as_ref().and_then(whole) == whole(value),
    };
    limits(document, schema).into_iter().filter(meets).collect()
}

fn whole(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_f64().filter(|number| number.fract() == 0.0).map(|number| number as i64))
}

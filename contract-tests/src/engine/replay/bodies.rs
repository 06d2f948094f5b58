//! The cases of every operation with a body: faults of the whole body, and of each field.

use serde_json::Value;

use super::case::{Case, Expectation};
use crate::engine::{
    contract::Operation,
    exchange::{Delivery, Request},
    facets,
};

/// More than a body may have.
const TOO_LARGE: usize = 64 * 1024 + 1;

/// Cases with a fault of the whole body.
pub(super) fn wholes(operation: &Operation, valid: &Request) -> Vec<Case> {
    let with_body = |body: &str| Request { body: body.into(), ..valid.clone() };
    let with_type = |media_type: &str| valid.clone().header("Content-Type", media_type);
    let invalid = |name: &str, body: &str| {
        let says = Expectation::Detail("the body cannot be read".into());
        Case::new(operation, name, with_body(body), 400, "Invalid fields").with(says)
    };
    let no_text = |name: &str, body: &[u8], says: &str| {
        let request = Request { body: body.into(), ..valid.clone() };
        Case::new(operation, name, request, 400, "Invalid fields").with(Expectation::Detail(says.into()))
    };
    let missing = |name: &str, body: &str| Case::new(operation, name, with_body(body), 400, "Missing fields");
    let media_type = |name: &str, request| Case::new(operation, name, request, 415, "Unsupported media type");
    let too_large = |name: &str, delivery| {
        let request = Request { body: vec![b' '; TOO_LARGE], delivery, ..valid.clone() };
        Case::new(operation, name, request, 413, "Payload too large")
    };
    let untyped = {
        let mut request = valid.clone();
        request.headers.retain(|(name, _)| name != "Content-Type");
        request
    };
    let example = String::from_utf8_lossy(&valid.body).into_owned();
    let and = |member: &[u8]| [b"{", member, b",", &example.as_bytes()[1..]].concat();
    let utf16: Vec<u8> = example.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let twice = example.replacen('{', &format!("{{{},", first_member(&example)), 1);
    vec![
        missing("without_a_body", ""),
        missing("with_null_for_a_body", " null "),
        missing("with_an_empty_object", "{}"),
        invalid("with_a_body_that_is_no_json", "name=Computer"),
        invalid("with_a_body_that_is_cut_off", &example[..example.len() - 1]),
        invalid("with_an_array_for_a_body", &format!("[{example}]")),
        invalid("with_a_text_for_a_body", "\"Computer\""),
        invalid("with_a_key_twice", &twice),
        invalid("with_more_than_the_body", &format!("{example}{{}}")),
        no_text("with_half_a_surrogate_pair", &and(br#""unknown":"\ud800""#), "half a surrogate pair"),
        no_text("with_half_a_surrogate_pair_in_a_key", &and(br#""\udfff":1"#), "half a surrogate pair"),
        no_text(
            "with_bytes_that_are_not_utf8",
            &and(b"\"unknown\":\"\xff\""),
            "not UTF-8 at line 1 column 13",
        ),
        no_text(
            "with_a_byte_order_mark",
            &[b"\xef\xbb\xbf", example.as_bytes()].concat(),
            "a byte order mark",
        ),
        no_text("with_a_body_in_utf16", &utf16, "send UTF-8"),
        media_type("with_a_body_of_another_type", with_type("text/plain")),
        media_type("with_a_form", with_type("application/x-www-form-urlencoded")),
        media_type("with_a_body_of_no_type", untyped),
        too_large("with_a_body_that_is_too_large", Delivery::Whole),
        too_large("with_chunks_that_are_too_many", Delivery::Chunked),
        Case::new(
            operation,
            "with_a_body_that_never_ends",
            Request { delivery: Delivery::Half, ..valid.clone() },
            408,
            "Request timeout",
        ),
    ]
}

/// `"name":"Computer"` of an object.
fn first_member(object: &str) -> String {
    let object: Value = serde_json::from_str(object).expect("an object");
    let (name, value) = object.as_object().and_then(|object| object.iter().next()).expect("a member");
    format!("{}:{value}", Value::from(name.as_str()))
}

/// Cases with a fault of one field: missing, of another type, out of its range.
pub(super) fn fields(operation: &Operation, valid: &Request) -> Vec<Case> {
    let schema = operation.body.as_ref().expect("a body");
    let example = operation.example().expect("an example");
    let mut cases = Vec::new();
    for (field, schema) in schema["properties"].as_object().expect("fields") {
        // As text, since no double holds some of the numbers.
        let with = |json: &str| {
            let mut body = example.clone();
            body[field] = "PLACE".into();
            valid.clone().raw_json(body.to_string().replace("\"PLACE\"", json))
        };
        let mut without = example.clone();
        without.as_object_mut().expect("an object").remove(field);
        let missing = |name: String, request| {
            Case::new(operation, &name, request, 400, "Missing fields").common(operation)
        };
        cases.push(missing(format!("without_{field}"), valid.clone().json(&without)));
        cases.push(missing(format!("with_{field}_null"), with("null")));
        if schema["minLength"] == 1 {
            cases.push(missing(format!("with_{field}_empty"), with("\"\"")));
        }
        for limit in facets::limits(schema).into_iter().filter(|limit| limit.is_within) {
            let name = format!("with_{field}_{}", limit.name().replace(' ', "_"));
            if let Some(value) = limit.value {
                cases.push(Case::within_limits(operation, &name, with(&value.to_string())));
            }
        }
        for (what, value) in wrong_values(schema) {
            let name = format!("with_{field}_{what}");
            let says = Expectation::Detail(format!("{field} must be "));
            cases.push(Case::new(operation, &name, with(&value), 400, "Invalid fields").with(says));
        }
    }
    cases
}

/// Values that do not fit a schema, as JSON, and in which way. Some are so near to one that fits that no double tells them apart.
fn wrong_values(schema: &Value) -> Vec<(&'static str, String)> {
    let mut values = vec![("a_bool", "true".into()), ("an_array", "[]".into()), ("an_object", "{}".into())];
    match schema["type"].as_str() {
        Some("string") => {
            let longest = schema["maxLength"].as_u64().expect("a length") as usize;
            values.push(("a_number", "1".into()));
            values.push(("too_long", format!("\"{}\"", "é".repeat(longest + 1))));
            values.push(("with_a_null_character", r#""a\u0000b""#.into()));
        }
        kind => {
            let bound = |name: &str| schema[name].as_i64().expect("a bound");
            let (least, most) = (bound("minimum"), bound("maximum"));
            values.push(("a_text", "\"1\"".into()));
            values.push(("below_its_minimum", (least - 1).to_string()));
            values.push(("above_its_maximum", (most + 1).to_string()));
            let below =
                if least == 0 { "-1e-400".into() } else { format!("{}.99999999999999999999", least - 1) };
            values.push(("below_its_minimum_by_a_hair", below));
            values.push(("above_its_maximum_by_a_hair", format!("{most}.00000000000000000001")));
            values.push(("above_everything", "1e999999999".into()));
            match kind {
                Some("integer") => {
                    values.push(("with_a_fraction", "1.5".into()));
                    values.push(("with_the_least_fraction", "1.0000000000000000000001".into()));
                }
                _ => values.push(("that_would_be_rounded", "0.1000000000000000055511151231257827".into())),
            }
        }
    }
    values
}

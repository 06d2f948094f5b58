//! The cases of every operation with a body: faults of the whole body, and of each field.

use regex::Regex;
use serde_json::{Value, json};

use super::case::{Case, Expectation};
use crate::engine::{
    contract::Operation,
    exchange::{Delivery, Request},
    limits::{Limit, limits as limits_of},
    schema::{self, requires, resolve},
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
    let mut cases = Vec::new();
    // An object that requires nothing may be empty.
    if operation.body.as_ref().is_some_and(|body| !operation.fits(&json!({})) && !body["required"].is_null())
    {
        cases.push(missing("without_a_body", ""));
        cases.push(missing("with_null_for_a_body", " null "));
        cases.push(missing("with_an_empty_object", "{}"));
    }
    cases.extend([
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
    ]);
    cases
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
    let whole = schema::complete(operation.schemas(), schema, &operation.example().expect("an example"));
    let mut cases = Vec::new();
    for Field { path, schema, kind } in inner(operation.schemas(), schema, "", "") {
        let Path { pointer, name: field } = &path;
        // As text, since no double holds some of the numbers.
        let with = |json: &str| {
            let mut body = whole.clone();
            *body.pointer_mut(pointer).expect("a field") = "PLACE".into();
            valid.clone().raw_json(body.to_string().replace("\"PLACE\"", json))
        };
        let missing = |name: String, request| {
            Case::new(operation, &name, request, 400, "Missing fields").common(operation)
        };
        let invalid = |name: String, request| {
            let says = Expectation::Detail(format!("{field} must be "));
            Case::new(operation, &name, request, 400, "Invalid fields").with(says)
        };
        let fits = |name: String, request| Case::within_limits(operation, &name, request);
        if kind != Kind::Item {
            let without = valid.clone().json(&without(&whole, pointer));
            let judge: &dyn Fn(String, Request) -> Case =
                if kind == Kind::Required { &missing } else { &fits };
            cases.push(judge(format!("without_{field}"), without));
            cases.push(judge(format!("with_{field}_null"), with("null")));
        } else {
            cases.push(invalid(format!("with_{field}_null"), with("null")));
        }
        if schema["minLength"].as_u64().is_some_and(|least| least > 0) {
            let judge: &dyn Fn(String, Request) -> Case =
                if kind == Kind::Required { &missing } else { &invalid };
            cases.push(judge(format!("with_{field}_empty"), with("\"\"")));
        }
        for limit in limits_of(operation.schemas(), schema).into_iter().filter(|limit| limit.is_within) {
            let name = format!("with_{field}_{}", limit.name().replace(' ', "_"));
            if let Some(value) = limit.value {
                cases.push(fits(name, with(&value.to_string())));
            }
        }
        for (what, value) in wrong_values(operation.schemas(), schema) {
            cases.push(invalid(format!("with_{field}_{what}"), with(&value)));
        }
    }
    cases
}

/// A field of a body, of an object in it, or an item of an array.
struct Field<'a> {
    path: Path,
    schema: &'a Value,
    kind: Kind,
}

/// Where a field is.
struct Path {
    /// As a JSON pointer.
    pointer: String,
    /// As the service calls it: `address.city`, `lines[0].quantity`.
    name: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Required,
    Optional,
    Item,
}

/// Everything in a value of `schema`, which is at `pointer` and called `name`.
fn inner<'a>(document: &'a Value, schema: &'a Value, pointer: &str, name: &str) -> Vec<Field<'a>> {
    let schema = resolve(document, schema);
    let mut fields = Vec::new();
    let mut add = |key: &str, name: String, inside: &'a Value, kind| {
        let path = Path { pointer: format!("{pointer}/{key}"), name };
        let (pointer, name) = (path.pointer.clone(), path.name.clone());
        fields.push(Field { path, schema: resolve(document, inside), kind });
        fields.extend(inner(document, inside, &pointer, &name));
    };
    for (field, inside) in schema["properties"].as_object().into_iter().flatten() {
        let kind = if requires(schema, field) { Kind::Required } else { Kind::Optional };
        let name = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
        add(&field.replace('~', "~0").replace('/', "~1"), name, inside, kind);
    }
    if let Some(item) = schema.get("items") {
        add("0", format!("{name}[0]"), item, Kind::Item);
    }
    fields
}

/// `body` without the field at `pointer`.
fn without(body: &Value, pointer: &str) -> Value {
    let mut body = body.clone();
    let (parent, field) = pointer.rsplit_once('/').expect("a field");
    let object = body.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
    object.shift_remove(&field.replace("~1", "/").replace("~0", "~"));
    body
}

/// Values that do not fit a schema, as JSON, and in which way. Some are so near to one that fits that no double tells them apart.
fn wrong_values(document: &Value, schema: &Value) -> Vec<(&'static str, String)> {
    let kind = schema["type"].as_str().unwrap_or_default();
    let mut values: Vec<(&'static str, String)> = Vec::new();
    let others = [("a_bool", "true", "boolean"), ("an_array", "[]", "array"), ("an_object", "{}", "object")];
    values.extend(
        others.iter().filter(|(.., of)| *of != kind).map(|(what, value, _)| (*what, (*value).into())),
    );
    match kind {
        "string" => {
            values.push(("a_number", "1".into()));
            values.extend(wrong_texts(schema));
        }
        "integer" | "number" => values.extend(wrong_numbers(schema, kind)),
        "boolean" => values.extend([("a_number", "1".into()), ("a_text", "\"true\"".into())]),
        "array" | "object" => values.extend([("a_number", "1".into()), ("a_text", "\"[]\"".into())]),
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
        return vec![("another_value", quoted("SOMETHING_ELSE"))];
    }
    let length = |name: &str| schema[name].as_u64().map(|length| length as usize);
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
    if matches!(schema["format"].as_str(), Some("date" | "date-time" | "uuid" | "email" | "uri")) {
        values.push(("against_its_format", quoted("x")));
    }
    values
}

fn wrong_numbers(schema: &Value, kind: &str) -> Vec<(&'static str, String)> {
    let (least, most) = (schema["minimum"].as_i64(), schema["maximum"].as_i64());
    let mut values = vec![("a_text", "\"1\"".into())];
    values.extend(least.map(|least| ("below_its_minimum", (least - 1).to_string())));
    values.extend(most.map(|most| ("above_its_maximum", (most + 1).to_string())));
    values.extend(least.map(|least| {
        let by_a_hair = match least {
            0 => "-1e-400".into(),
            1.. => format!("{}.99999999999999999999", least - 1),
            _ => format!("{least}.00000000000000000001"),
        };
        ("below_its_minimum_by_a_hair", by_a_hair)
    }));
    values.extend(most.map(|most| ("above_its_maximum_by_a_hair", format!("{most}.00000000000000000001"))));
    values.push(("above_everything", "1e999999999".into()));
    if kind == "integer" {
        values.push(("with_a_fraction", "1.5".into()));
        values.push(("with_the_least_fraction", "1.0000000000000000000001".into()));
    } else {
        values.push(("that_would_be_rounded", "0.1000000000000000055511151231257827".into()));
    }
    values
}

//! The cases of every operation with a body: faults of the whole body, and of each field.

use serde_json::{Value, json};

use super::{
    case::{Case, detail},
    wrong::wrong_values,
};
use crate::engine::{
    contract::Operation,
    exchange::{Delivery, Request},
    limits::limits as limits_of,
    profile::Situation,
    schema::{requires, resolve},
    subject::subject,
};

/// More than a body may have.
const TOO_LARGE: usize = 64 * 1024 + 1;

/// How deep fields are looked for.
const DEEPEST: usize = 5;

/// The same without a profile that asks for more: some documents have bodies with thousands of fields.
const DEEP_ENOUGH: usize = 2;

/// Cases with a fault of the whole body.
pub(super) fn wholes(operation: &Operation, valid: &Request) -> Vec<Case> {
    use Situation::{BodyTimeout, Invalid, MediaType, Missing, OddBody, TooLarge};
    let example = String::from_utf8_lossy(&valid.body).into_owned();
    let of = |situation, name: &str, request| Case::of(situation, operation, name, request);
    let with_body = |body: &[u8]| Request { body: body.into(), ..valid.clone() };
    let with_type = |media_type: &str| valid.clone().header("Content-Type", media_type);
    let says = |situation, name: &str, body: &[u8], says: &str| {
        Some(of(situation, name, with_body(body))?.with(detail(says)))
    };
    let unread =
        |situation, name: &str, body: &str| says(situation, name, body.as_bytes(), "the body cannot be read");
    let large = |delivery| Request { body: vec![b' '; TOO_LARGE], delivery, ..valid.clone() };
    let mut untyped = valid.clone();
    untyped.headers.retain(|(name, _)| name != "Content-Type");
    let fits = |json: &Value| operation.fits(json);
    let is_object = operation.body.as_ref().is_some_and(|body| body["type"] == "object");

    let mut cases = Vec::new();
    if operation.declaration()["requestBody"]["required"] != true {
        // Many documents do not say that a body is required, so a refusal will do.
        let without = Request { body: Vec::new(), ..untyped.clone() };
        cases.push(Some(Case::either_way(operation, "without_a_body", without)));
    }
    // An object that requires nothing may be empty.
    if operation.body.as_ref().is_some_and(|body| !fits(&json!({})) && !body["required"].is_null()) {
        if operation.declaration()["requestBody"]["required"] == true {
            cases.push(of(Missing, "without_a_body", with_body(b"")));
        }
        if !fits(&Value::Null) {
            cases.push(of(Missing, "with_null_as_the_body", with_body(b" null ")));
        }
        cases.push(of(Missing, "with_an_empty_object", with_body(b"{}")));
    }
    cases.push(unread(Invalid, "with_a_body_that_is_not_json", "name=Computer"));
    if !is_object {
        cases.push(unread(Invalid, "with_a_body_that_is_cut_off", "[1, "));
        return cases.into_iter().flatten().collect();
    }
    let and = |member: &[u8]| [b"{", member, b",", &example.as_bytes()[1..]].concat();
    let utf16: Vec<u8> = example.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let twice = first_member(&example).map(|member| example.replacen('{', &format!("{{{member},"), 1));
    cases.extend([
        unread(Invalid, "with_a_body_that_is_cut_off", &example[..example.len() - 1]),
        unread(Invalid, "with_an_array_as_the_body", &format!("[{example}]")).filter(|_| !fits(&json!([{}]))),
        unread(Invalid, "with_a_string_as_the_body", "\"Computer\"").filter(|_| !fits(&json!("Computer"))),
        twice.and_then(|twice| unread(OddBody, "with_a_duplicate_key", &twice)),
        unread(Invalid, "with_text_after_the_body", &format!("{example}{{}}")),
    ]);
    if example.len() > 2 {
        let half = "an unpaired surrogate";
        cases.extend([
            says(OddBody, "with_an_unpaired_surrogate", &and(br#""unknown":"\ud800""#), half),
            says(OddBody, "with_an_unpaired_surrogate_in_a_key", &and(br#""\udfff":1"#), half),
            says(
                OddBody,
                "with_bytes_that_are_not_utf8",
                &and(b"\"unknown\":\"\xff\""),
                "not UTF-8 at line 1 column 13",
            ),
        ]);
    }
    cases.extend([
        says(
            OddBody,
            "with_a_byte_order_mark",
            &[b"\xef\xbb\xbf", example.as_bytes()].concat(),
            "a byte order mark",
        ),
        says(OddBody, "with_a_body_in_utf16", &utf16, "send UTF-8"),
        of(MediaType, "with_another_content_type", with_type("text/plain")),
        of(MediaType, "with_a_form", with_type("application/x-www-form-urlencoded")),
        of(MediaType, "without_a_content_type", untyped),
        of(TooLarge, "with_a_body_that_is_too_large", large(Delivery::Whole)),
        of(TooLarge, "with_a_chunked_body_that_is_too_large", large(Delivery::Chunked)),
        of(BodyTimeout, "with_a_body_that_never_ends", Request { delivery: Delivery::Half, ..valid.clone() }),
    ]);
    cases.into_iter().flatten().collect()
}

/// `"name":"Computer"` of an object.
fn first_member(object: &str) -> Option<String> {
    let object: Value = serde_json::from_str(object).ok()?;
    let (name, value) = object.as_object().and_then(|object| object.iter().next())?;
    Some(format!("{}:{value}", Value::from(name.as_str())))
}

/// Cases with a fault of one field: missing, of another type, out of its range.
pub(super) fn fields(operation: &Operation, valid: &Request) -> Vec<Case> {
    let (Some(schema), Some(example)) = (&operation.body, operation.example()) else { return Vec::new() };
    let document = operation.request_schemas();
    let whole = operation.complete(&example);
    let is_strict = subject().profile.strict_values;
    let place = in_no_text_of(&whole.to_string());
    let mut cases = Vec::new();
    for Field { path, schema, kind } in inner(document, schema, "", "") {
        let Path { pointer, name: field } = &path;
        if whole.pointer(pointer).is_none() {
            continue;
        }
        let with_body = |body: String| Request { body: body.into(), ..valid.clone() };
        // As text, since no double holds some of the numbers.
        let with = |json: &str| {
            let mut body = whole.clone();
            body.pointer_mut(pointer).into_iter().for_each(|field| *field = place.as_str().into());
            with_body(body.to_string().replace(&Value::from(place.as_str()).to_string(), json))
        };
        // What the profile does not say, the schema must.
        let is_beyond = |request: &Request| {
            is_strict || serde_json::from_slice(&request.body).is_ok_and(|body| !operation.fits(&body))
        };
        let missing = |name: String, request: Request| {
            let case =
                is_beyond(&request).then(|| Case::of(Situation::Missing, operation, &name, request))?;
            Some(case?.common(operation))
        };
        let invalid = |name: String, request: Request| {
            let case =
                is_beyond(&request).then(|| Case::of(Situation::Invalid, operation, &name, request))?;
            Some(case?.with(detail(format!("{field} must be "))))
        };
        let fits = |name: String, request: Request| {
            let is_within = serde_json::from_slice(&request.body).is_ok_and(|body| operation.fits(&body));
            (is_strict || is_within).then(|| Case::within_limits(operation, &name, request))
        };
        let is_required = kind == Kind::Required;
        if kind != Kind::Item {
            let without = with_body(without(&whole, pointer).to_string());
            let judge: &dyn Fn(String, Request) -> Option<Case> = if is_required { &missing } else { &fits };
            cases.push(judge(format!("without_{field}"), without));
            cases.push(judge(format!("with_{field}_null"), with("null")));
        } else {
            cases.push(invalid(format!("with_{field}_null"), with("null")));
        }
        if schema["minLength"].as_u64().is_some_and(|least| least > 0) {
            let judge: &dyn Fn(String, Request) -> Option<Case> =
                if is_required { &missing } else { &invalid };
            cases.push(judge(format!("with_{field}_empty"), with("\"\"")));
        }
        for limit in limits_of(document, schema).into_iter().filter(|limit| limit.is_within) {
            let name = format!("with_{field}_{}", limit.name().replace(' ', "_"));
            cases.extend(limit.value.map(|value| fits(name, with(&value.to_string()))));
        }
        for (what, value) in wrong_values(document, schema) {
            cases.push(invalid(format!("with_{field}_{what}"), with(&value)));
        }
    }
    cases.into_iter().flatten().collect()
}

/// A text that stands nowhere in `text`.
fn in_no_text_of(text: &str) -> String {
    let mut place = "PLACE".to_owned();
    while text.contains(&place) {
        place.push('_');
    }
    place
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
    // A schema may contain itself.
    let deepest = if subject().profile.strict_values { DEEPEST } else { DEEP_ENOUGH };
    if pointer.matches('/').count() >= deepest {
        return fields;
    }
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
    let (parent, field) = pointer.rsplit_once('/').unwrap_or_default();
    let object = body.pointer_mut(parent).and_then(Value::as_object_mut);
    object.and_then(|object| object.shift_remove(&field.replace("~1", "/").replace("~0", "~")));
    body
}

use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::json;

use super::*;
use crate::{
    api::{
        document::{ApiInfo, Document},
        json::Json,
        parameters::{Path, Query},
    },
    settings::ServiceInfo,
    values::{Array, Quantity, Text},
};

crate::text_enum! {
    /// How a parcel is sent.
    enum Shipping {
        Standard = "STANDARD",
        Express = "EXPRESS",
    }
}

/// A parcel.
#[derive(Debug, Object, PartialEq, Serialize)]
struct Parcel {
    /// Where it goes.
    address: Address,
    /// Where it goes if the delivery fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback: Option<Address>,
    lines: Array<Line, 3>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Array<Text, 2>>,
    shipping: Shipping,
    is_gift: bool,
    /// What to tell the courier.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<Text<0, 1000>>,
}

impl FromFields for Parcel {
    const EXAMPLE: &'static str = r#"{"lines": []}"#;

    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let (address, fallback) = (fields.read("address"), fields.read("fallback"));
        let (lines, tags) = (fields.read("lines"), fields.read("tags"));
        let (shipping, is_gift, note) =
            (fields.read("shipping"), fields.read("is_gift"), fields.read("note"));
        Some(Self {
            address: address?,
            fallback: fallback?,
            lines: lines?,
            tags: tags?,
            shipping: shipping?,
            is_gift: is_gift?,
            note: note?,
        })
    }
}

#[derive(Debug, Object, PartialEq, Serialize)]
struct Address {
    city: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    zip: Option<Text<5, 5>>,
}

impl FromFields for Address {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let (city, zip) = (fields.read("city"), fields.read("zip"));
        Some(Self { city: city?, zip: zip? })
    }
}

#[derive(Debug, Object, PartialEq, Serialize)]
struct Line {
    quantity: Quantity,
}

impl FromFields for Line {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { quantity: fields.read("quantity")? })
    }
}

struct Api;

#[OpenApi]
impl Api {
    #[oai(path = "/parcels/:code/:shipping", method = "put")]
    async fn replace(
        &self,
        code: Path<Text<3, 8>>,
        shipping: Path<Shipping>,
        /// Only those with this text.
        search: Query<Text>,
        by: Query<Shipping>,
        parcel: Json<Parcel>,
    ) -> Json<Parcel> {
        let _ = (code, shipping, search, by);
        parcel
    }
}

fn document() -> serde_json::Value {
    let info =
        ApiInfo { title: "", description: "", service: ServiceInfo::new("things", 5000), checked_in: "{}" };
    serde_json::from_slice(&Document::of::<Api>(&info).json()).unwrap()
}

/// A body in which every field has a value.
fn full() -> serde_json::Value {
    json!({
        "address": {"city": "Bern", "zip": "30000"},
        "fallback": {"city": "Basel"},
        "lines": [{"quantity": 1}, {"quantity": 2}],
        "tags": ["a", "b"],
        "shipping": "EXPRESS",
        "is_gift": false,
        "note": "",
    })
}

/// A body with `value` at `pointer`.
fn with(pointer: &str, value: serde_json::Value) -> serde_json::Value {
    let mut body = full();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match body.pointer_mut(parent).unwrap() {
        serde_json::Value::Object(object) => drop(object.insert(key.into(), value)),
        array => array[key.parse::<usize>().unwrap()] = value,
    }
    body
}

fn parse_json(body: &serde_json::Value) -> Result<Parcel, ApiError> {
    parse(body.to_string().as_bytes())
}

#[track_caller]
fn is_missing(body: &serde_json::Value) {
    assert_eq!(parse_json(body).unwrap_err().message, MISSING_FIELDS, "{body}");
}

#[track_caller]
fn is_invalid(body: &serde_json::Value, detail: &str) {
    let error = parse_json(body).unwrap_err();
    assert_eq!((error.message, error.detail.as_deref()), (INVALID_FIELDS, Some(detail)), "{body}");
}

#[test]
fn a_body_is_written_as_it_was_read() {
    assert_eq!(serde_json::to_value(parse_json(&full()).unwrap()).unwrap(), full());
}

#[test]
fn an_optional_field_may_be_absent_or_null() {
    for name in ["fallback", "tags", "note"] {
        let mut absent = full();
        absent.as_object_mut().unwrap().remove(name);
        for body in [with(&format!("/{name}"), json!(null)), absent.clone()] {
            assert_eq!(serde_json::to_value(parse_json(&body).unwrap()).unwrap(), absent);
        }
    }
}

#[test]
fn a_wrong_field_is_named_by_its_path() {
    is_invalid(&with("/is_gift", json!("yes")), "is_gift must be true or false");
    is_invalid(&with("/shipping", json!("Express")), r#"shipping must be one of "STANDARD", "EXPRESS""#);
    is_invalid(&with("/note", json!(7)), &format!("note must be {}", Text::<0, 1000>::requirement()));
    is_invalid(&with("/address/city", json!(7)), &format!("address.city must be {}", <Text>::requirement()));
    is_invalid(
        &with("/address/zip", json!("")),
        "address.zip must be a text of 5 characters, and none of them U+0000",
    );
    is_invalid(&with("/fallback", json!([])), "fallback must be an object that has each key once");
    is_invalid(
        &with("/lines/1", json!({"quantity": 0})),
        &format!("lines[1].quantity must be {}", Quantity::requirement()),
    );
    is_invalid(&with("/lines/0", json!(null)), "lines[0] must be an object that has each key once");
    is_invalid(&with("/lines", json!([1, 2, 3, 4])), "lines must be an array of at most 3 items");
    is_invalid(&with("/tags/1", json!("")), &format!("tags[1] must be {}", <Text>::requirement()));
    is_invalid(
        &json!({"address": {"city": 1}, "lines": [2], "shipping": 3, "is_gift": true}),
        &format!(
            "address.city must be {}; lines[0] must be an object that has each key once; \
             shipping must be one of \"STANDARD\", \"EXPRESS\"",
            <Text>::requirement()
        ),
    );
    let twice = full().to_string().replace(r#""city":"Bern""#, r#""city":"Bern","city":"Bern""#);
    let error = parse::<Parcel>(twice.as_bytes()).unwrap_err();
    assert_eq!(error.detail.as_deref(), Some("address must be an object that has each key once"));
}

#[test]
fn a_missing_field_outweighs_an_invalid_one() {
    for pointer in ["/address", "/address/city", "/fallback/city", "/lines", "/shipping", "/is_gift"] {
        let mut body = with(pointer, json!(null));
        is_missing(&body);
        body["note"] = json!(7);
        is_missing(&body);
    }
    is_missing(&with("/address/city", json!("")));
    is_missing(&with("/lines/1", json!({})));
    is_missing(&with("/fallback", json!({})));
}

#[test]
fn the_document_has_the_limits_of_each_field() {
    let schemas = &document()["components"]["schemas"];
    let parcel = &schemas["Parcel"];
    assert_eq!(parcel["required"], json!(["address", "lines", "shipping", "is_gift"]));
    assert_eq!(parcel["example"], json!({"lines": []}));
    let line = json!({"$ref": "#/components/schemas/Line"});
    let text = json!({"type": "string", "minLength": 1, "maxLength": 200});
    let note = json!({"type": "string", "description": "What to tell the courier.", "maxLength": 1000});
    let properties = &parcel["properties"];
    assert_eq!(properties["lines"], json!({"type": "array", "items": line, "maxItems": 3}));
    assert_eq!(properties["tags"], json!({"type": "array", "items": text, "maxItems": 2}));
    assert_eq!(properties["note"], note);
    assert_eq!(properties["is_gift"], json!({"type": "boolean"}));
    assert_eq!(properties["shipping"], json!({"$ref": "#/components/schemas/Shipping"}));
    assert_eq!(properties["fallback"]["allOf"][0], json!({"$ref": "#/components/schemas/Address"}));
    assert_eq!(schemas["Address"]["required"], json!(["city"]));
    assert_eq!(schemas["Line"]["properties"]["quantity"]["maximum"], json!(9_007_199_254_740_991_i64));
    assert_eq!(schemas["Shipping"]["enum"], json!(["STANDARD", "EXPRESS"]));
    assert!(!document().to_string().contains("nullable"));
}

#[test]
fn the_document_has_the_schema_of_each_parameter() {
    let operation = &document()["paths"]["/parcels/{code}/{shipping}"]["put"];
    let parameters: Vec<_> = operation["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|parameter| {
            let text = |key: &str| parameter[key].as_str().unwrap().to_owned();
            (text("name"), text("in"), parameter["required"].as_bool().unwrap(), parameter["schema"].clone())
        })
        .collect();
    let code = json!({"type": "string", "minLength": 3, "maxLength": 8});
    let search = json!({"type": "string", "minLength": 1, "maxLength": 200});
    let shipping = json!({"$ref": "#/components/schemas/Shipping"});
    assert_eq!(
        parameters[..4],
        [
            ("code".into(), "path".into(), true, code),
            ("shipping".into(), "path".into(), true, shipping.clone()),
            ("search".into(), "query".into(), false, search),
            ("by".into(), "query".into(), false, shipping),
        ]
    );
}

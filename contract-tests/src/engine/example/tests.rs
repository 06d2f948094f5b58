//! Values for schemas as people write them.

use serde_json::{Value, json};

use super::{array, careful_example, example};
use crate::engine::documented::validator;

fn document() -> Value {
    json!({ "openapi": "3.1.0", "components": { "schemas": {
        // Without a type, the house rules of this store do not close it.
        "Pet": {
            "required": ["kind"],
            "properties": { "kind": { "type": "string" }, "name": { "type": "string", "minLength": 2 } },
            "discriminator": { "propertyName": "kind", "mapping": { "a cat": "#/components/schemas/Cat", "a dog": "Dog" } },
        },
        "Cat": { "allOf": [
            { "$ref": "#/components/schemas/Pet" },
            { "type": "object", "required": ["hunts"], "properties": { "hunts": { "type": "boolean" } } },
        ] },
        "Dog": { "type": "object", "required": ["kind"], "properties": { "kind": { "type": "string" } } },
        "Snake": { "properties": { "kind": { "type": "string" } }, "discriminator": { "propertyName": "kind" } },
        "Lizard": { "properties": { "kind": { "type": "string" } }, "discriminator": { "propertyName": "kind" } },
        "Node": { "type": "object", "required": ["id"], "properties": {
            "id": { "type": "integer" }, "parent": { "$ref": "#/components/schemas/Node" } } },
        "Word": { "type": "string" },
    } } })
}

#[test]
fn a_generated_value_fits_its_schema() {
    let (document, to) = (document(), |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") }));
    for schema in [
        json!({ "type": "string", "anyOf": [{ "minLength": 1 }, { "maxLength": 0 }] }),
        json!({ "allOf": [{ "type": "string", "minLength": 3 }, { "maxLength": 4 }] }),
        json!({ "allOf": [{ "enum": ["a", "b"] }, { "enum": ["b", "c"] }] }),
        json!({ "allOf": [{ "type": "number", "minimum": 1 }, { "type": "integer", "minimum": 2.0 }] }),
        json!({ "type": "object", "required": ["n", "k"], "properties": { "n": { "type": "integer" } },
            "oneOf": [{ "properties": { "k": { "enum": ["a"] } } }, { "properties": { "k": { "enum": ["b"] } } }] }),
        json!({ "oneOf": [{ "type": "string", "pattern": "(?=no)yes" }, { "type": "integer" }] }),
        json!({ "oneOf": [to("Cat"), to("Word")] }),
        // As a `oneOf`, a cat is a dog as well.
        json!({ "oneOf": [to("Dog"), to("Cat")], "discriminator": { "propertyName": "kind" } }),
        json!({ "oneOf": [to("Snake"), to("Lizard")] }),
        json!({ "type": "object", "properties": { "other": { "type": "string", "pattern": "(?=no)yes" } } }),
        to("Cat"),
        to("Node"),
        json!({ "type": "string", "pattern": "^[A-Z]{3}$" }),
        json!({ "type": "string", "pattern": "^\\d{4}-\\d{2}$" }),
        json!({ "type": "string", "pattern": "^(foo|bar)\\.[a-z]+@.*$", "minLength": 12 }),
        json!({ "type": "string", "pattern": "^[a-z0-9-]*$", "maxLength": 5 }),
        json!({ "type": "string", "pattern": "^$" }),
        json!({ "type": "string", "pattern": "é" }),
        json!({ "type": "array", "minItems": 3, "uniqueItems": true, "items": { "type": "string", "maxLength": 1 } }),
        json!({ "type": "array", "minItems": 3, "uniqueItems": true, "items": { "type": "integer", "multipleOf": 5 } }),
        json!({ "type": "array", "minItems": 2, "uniqueItems": true, "items": { "type": "boolean" } }),
        json!({ "type": "array", "minItems": 2, "uniqueItems": true, "items": { "enum": ["a", "b"] } }),
        json!({ "type": "array", "minItems": 2, "uniqueItems": true, "items": to("Node") }),
        json!({ "type": "array", "minItems": 2, "uniqueItems": true, "items": { "type": "string", "format": "uuid" } }),
        json!({ "type": "array", "maxItems": 0, "items": {} }),
        json!({ "type": "object", "minProperties": 2, "additionalProperties": { "type": "integer" } }),
        json!({ "type": "object", "required": ["a"], "additionalProperties": { "type": "integer" } }),
        json!({ "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 }),
        json!({ "type": "integer", "minimum": 1, "multipleOf": 5 }),
        json!({ "type": "integer", "maximum": 7, "multipleOf": 5 }),
        json!({ "minimum": 3 }),
    ] {
        let made = careful_example(&document, &schema);
        let error = validator(&document, &schema).validate(&made).err().map(|error| error.to_string());
        assert_eq!(error, None, "{made} of {schema}");
    }
    for format in [
        "date",
        "date-time",
        "time",
        "duration",
        "uuid",
        "email",
        "hostname",
        "ipv4",
        "ipv6",
        "uri",
        "uri-reference",
        "iri",
        "uri-template",
        "json-pointer",
        "relative-json-pointer",
        "regex",
    ] {
        let schema = json!({ "type": "string", "format": format });
        let made = example(&document, &schema);
        assert!(validator(&document, &schema).is_valid(&made), "{made} of {format}");
        assert!(!validator(&document, &schema).is_valid(&json!("\n{")), "{format} is not validated");
    }
}

#[test]
fn generated_values_are_as_simple_as_possible() {
    let document = document();
    for (schema, made) in [
        (json!({ "type": "integer", "minimum": 1.0 }), "1"),
        (json!({ "type": "integer", "exclusiveMinimum": 0.0 }), "1"),
        (json!({ "type": "integer", "default": 1.0 }), "1"),
        (json!({ "type": "integer", "example": 2.0 }), "2"),
        (json!({ "type": "number", "minimum": 1.5 }), "1.5"),
        (json!({ "example": "b", "oneOf": [{ "type": "string", "example": "a" }] }), "\"b\""),
        (json!({ "oneOf": [{ "type": "string", "example": "a" }] }), "\"a\""),
        (json!({ "type": "integer", "minimum": i64::MIN }), "-9223372036854775808"),
        (json!({ "type": "string", "pattern": "^[A-Z]{3}$" }), "\"AAA\""),
        (json!({ "$ref": "#/components/schemas/Cat" }), r#"{"kind":"a cat","name":"xx","hunts":true}"#),
        (json!({ "oneOf": [{ "$ref": "#/components/schemas/Dog" }] }), r#"{"kind":"x"}"#),
        (
            json!({ "oneOf": [{ "$ref": "#/components/schemas/Dog" }],
                "discriminator": { "propertyName": "kind" } }),
            r#"{"kind":"Dog"}"#,
        ),
        (
            json!({ "oneOf": [{ "$ref": "#/components/schemas/Dog" }],
                "discriminator": { "propertyName": "kind", "mapping": { "dog": "Dog" } } }),
            r#"{"kind":"dog"}"#,
        ),
        (
            json!({ "type": "object", "minProperties": 1, "additionalProperties": { "type": "integer" } }),
            r#"{"key1":0}"#,
        ),
    ] {
        assert_eq!(example(&document, &schema).to_string(), made, "{schema}");
    }
}

#[test]
fn an_array_of_any_length_has_no_item_twice_if_it_must_not() {
    let schema =
        json!({ "type": "array", "uniqueItems": true, "items": { "type": "string", "minLength": 1 } });
    assert_eq!(array(&json!({}), &schema, 3), json!(["x", "x1", "x2"]));
    let schema = json!({ "type": "array", "items": { "type": "string" } });
    assert_eq!(array(&json!({}), &schema, 2), json!(["x", "x"]));
}

#[test]
fn arrays_of_arrays_do_not_fill_the_memory() {
    let of = |items: Value| json!({ "type": "array", "minItems": 1000, "items": items });
    let made = example(&json!({}), &of(of(of(of(json!({ "type": "string" }))))));
    assert!(made.to_string().len() < 4 * 1024 * 1024);
}

#[test]
fn a_circular_schema_ends() {
    let name = |letter: &str| json!({ "$ref": format!("#/components/schemas/{letter}") });
    let of =
        |others: [&str; 3]| json!({ "oneOf": others.map(name), "properties": { "inner": name(others[0]) } });
    let schemas = json!({ "A": of(["B", "C", "A"]), "B": of(["C", "A", "B"]), "C": of(["A", "B", "C"]) });
    let document = json!({ "openapi": "3.1.0", "components": { "schemas": schemas } });
    let began = std::time::Instant::now();
    careful_example(&document, &name("A"));
    assert!(began.elapsed().as_secs() < 20, "it took {:?}", began.elapsed());
}

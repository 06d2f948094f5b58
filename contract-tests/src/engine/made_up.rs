//! A test document with features that no service of the store has: nested objects, arrays, enums, several parameters in a path, and
//! responses without a body.

use serde_json::{Value, json};

use super::contract::Document;

/// A body of the document's parcels, with every field.
pub(crate) fn parcel() -> Value {
    json!({
        "address": { "city": "Bern", "zip": "30000" },
        "lines": [{ "quantity": 1 }],
        "tags": ["a"],
        "shipping": "EXPRESS",
        "is_gift": false,
        "note": "x",
    })
}

/// What [`parcel`] has at `path`, such as `lines[0].quantity`.
pub(crate) fn at(path: &str) -> Value {
    let pointer = format!("/{}", path.replace('[', "/").replace(']', "").replace('.', "/"));
    parcel().pointer(&pointer).expect("a part").clone()
}

/// The document. It is one of a service that there is, since a session knows no other.
pub(crate) fn document() -> Document {
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let error = json!({ "application/json": { "schema": reference("Error") } });
    let refused = |text: &str| json!({ "description": format!("`{text}`"), "content": error });
    let parcel = json!({ "application/json": { "schema": reference("Parcel") } });
    let id = json!({ "name": "parcel_id", "in": "path", "required": true,
        "schema": { "type": "string", "minLength": 3, "maxLength": 8 } });
    let line = json!({ "name": "line", "in": "path", "required": true,
        "schema": { "type": "integer", "minimum": 1, "maximum": 9 } });
    let shipping = json!({ "name": "shipping", "in": "query", "schema": reference("Shipping") });
    let search = json!({ "name": "search", "in": "query",
        "schema": { "type": "string", "minLength": 1, "maxLength": 5 } });
    let json = json!({
        "paths": {
            "/parcels": {
                "summary": "Not an operation",
                "get": {
                    "operationId": "list_parcels",
                    "parameters": [shipping, search],
                    "responses": {
                        "200": { "description": "All", "content": { "application/json": {
                            "schema": { "type": "array", "items": reference("Parcel") } } } },
                        "400": refused("Invalid fields"),
                    },
                },
            },
            "/parcels/{parcel_id}": { "put": {
                "operationId": "replace_parcel",
                "parameters": [id],
                "requestBody": { "content": parcel },
                "responses": {
                    "200": { "description": "Replaced", "content": parcel },
                    "400": refused("Invalid fields"),
                    "404": refused("Parcel not found"),
                },
            } },
            "/parcels/{parcel_id}/lines/{line}": { "delete": {
                "operationId": "delete_line",
                "parameters": [id, line],
                "responses": {
                    "204": { "description": "Deleted" },
                    "404": { "description": "`Parcel not found` or `Line not found`", "content": error },
                },
            } },
        },
        "components": { "schemas": {
            "Error": { "type": "object", "required": ["error"], "properties": {
                "error": { "type": "string" }, "detail": { "type": "string" } } },
            "Shipping": { "type": "string", "enum": ["STANDARD", "EXPRESS"] },
            "Address": { "type": "object", "required": ["city"], "properties": {
                "city": { "type": "string", "minLength": 1, "maxLength": 200 },
                "zip": { "type": "string", "minLength": 5, "maxLength": 5 } } },
            "Line": { "type": "object", "required": ["quantity"], "properties": {
                "quantity": { "type": "integer", "minimum": 1, "maximum": 99 } } },
            "Parcel": {
                "type": "object",
                "required": ["address", "lines", "shipping", "is_gift"],
                "properties": {
                    "address": { "description": "Where it goes", "allOf": [reference("Address")] },
                    "lines": { "type": "array", "items": reference("Line"), "maxItems": 3 },
                    "tags": { "type": "array", "maxItems": 2,
                        "items": { "type": "string", "minLength": 1, "maxLength": 200 } },
                    "shipping": reference("Shipping"),
                    "is_gift": { "type": "boolean" },
                    "note": { "type": "string", "maxLength": 1000 },
                },
                "example": self::parcel(),
            },
        } },
    });
    Document::new("products", json)
}

//! Documents as people write them.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Normal, read};

fn written(files: &[(&str, &str)]) -> (TempDir, Result<Normal, String>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let normal = read(&folder.path().join(files[0].0));
    (folder, normal)
}

const PETS: &str = r##"
openapi: 3.1.0
info: { title: Pets, version: "1" }
security: [{ key: [] }]
paths:
  /pets/{id}:
    parameters:
      - $ref: "#/components/parameters/Id"
    get:
      responses:
        200: { $ref: "shared/responses.yaml#/Pet" }
        4XX: { description: Refused }
        default: { description: Anything else }
  /open:
    $ref: "shared/paths.yaml#/~1open"
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: X-Key }
  parameters:
    Id: { name: id, in: path, required: true, schema: { type: integer, exclusiveMinimum: 0 } }
  schemas:
    Name: { type: [string, "null"], const: Rex, examples: [Rex] }
"##;

const RESPONSES: &str = r##"
Pet:
  description: A pet
  content:
    application/json:
      schema: { $ref: "#/Schema" }
Schema:
  allOf:
    - { type: object, required: [id], properties: { id: { type: integer } } }
    - properties:
        parent: { anyOf: [{ $ref: "#/Schema" }, { type: "null" }] }
        name: { $ref: "../pets.yaml#/components/schemas/Name" }
"##;

const PATHS: &str = r#"
/open:
  post: { operationId: opens, security: [], responses: { "201": { description: Made } } }
"#;

#[test]
fn references_path_parameters_and_security_are_in_each_operation() {
    let files = [("pets.yaml", PETS), ("shared/responses.yaml", RESPONSES), ("shared/paths.yaml", PATHS)];
    let (_folder, normal) = written(&files);
    let json = normal.unwrap().json;
    let get = &json["paths"]["/pets/{id}"]["get"];
    assert_eq!(get["operationId"], "get_pets_id");
    assert_eq!(get["parameters"][0]["schema"], json!({ "type": "integer", "minimum": 1 }));
    assert_eq!(get["security"], json!([{ "key": [] }]));
    let statuses: Vec<&String> = get["responses"].as_object().unwrap().keys().collect();
    assert_eq!(statuses, ["200", "4XX", "default"]);
    let schema = &get["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(*schema, json!({ "$ref": "#/components/schemas/Schema" }));
    assert_eq!(json["components"]["securitySchemes"]["key"]["name"], "X-Key");
    let schemas = &json["components"]["schemas"];
    assert_eq!(schemas["Schema"]["properties"]["name"], json!({ "$ref": "#/components/schemas/Name" }));
    assert_eq!(schemas["Schema"]["required"], json!(["id"]));
    let parent = &schemas["Schema"]["properties"]["parent"];
    assert_eq!(parent["nullable"], true);
    assert_eq!(parent["allOf"], json!([{ "$ref": "#/components/schemas/Schema" }]));
    let name = &schemas["Name"];
    assert_eq!(
        (&name["type"], &name["enum"], &name["nullable"]),
        (&json!("string"), &json!(["Rex"]), &json!(true))
    );
    assert_eq!(json["paths"]["/open"]["post"]["security"], json!([]));
}

#[test]
fn a_schema_of_another_file_costs_nothing_else() {
    let document = "openapi: 3.0.0\npaths: { /a: { get: { responses: { 200: { $ref: 'b.yaml#/b' } } } } }\ncomponents: { securitySchemes: { key: { type: http } } }";
    let other = "b: { description: b, content: { application/json: { schema: { $ref: '#/c' } } } }\nc: { type: string }";
    let (_folder, normal) = written(&[("a.yaml", document), ("b.yaml", other)]);
    let components = &normal.unwrap().json["components"];
    assert_eq!(components["securitySchemes"]["key"]["type"], "http");
    assert_eq!(components["schemas"]["c"]["type"], "string");
}

#[test]
fn an_object_of_several_is_one_with_a_discriminator_too() {
    let pet = json!({ "type": "object", "required": ["kind"], "properties": { "kind": { "type": "string" } },
        "discriminator": { "propertyName": "kind" }, "externalDocs": { "url": "a" }, "additionalProperties": true });
    let cat = json!({ "allOf": [{ "$ref": "#/components/schemas/Pet" },
        { "properties": { "hunts": { "type": "boolean" } } }] });
    let closed = json!({ "allOf": [{ "$ref": "#/components/schemas/Cat" },
        { "type": "object", "additionalProperties": false }] });
    let document = json!({
        "openapi": "3.0.0",
        "paths": { "/a": { "get": { "responses": { "200": { "description": "A" } } } } },
        "components": { "schemas": { "Pet": pet, "Cat": cat, "Closed": closed } },
    });
    let (_folder, normal) = written(&[("a.json", &document.to_string())]);
    let schemas = &normal.unwrap().json["components"]["schemas"];
    let cat = json!({
        "discriminator": { "propertyName": "kind" },
        "type": "object",
        "properties": { "kind": { "type": "string" }, "hunts": { "type": "boolean" } },
        "required": ["kind"],
    });
    assert_eq!(schemas["Cat"], cat);
    // An object that forbids other fields cannot be part of a larger one.
    assert!(schemas["Closed"]["allOf"].is_array(), "{schemas:#}");
}

#[test]
fn parts_that_cannot_be_judged_are_named() {
    let text = r#"
openapi: 3.0.3
paths:
  /files/{name}.txt:
    get:
      parameters: [{ name: tags, in: query, schema: { type: array, items: { type: string } } }]
      responses: {}
    put:
      requestBody: { content: { text/plain: { schema: { type: string } } } }
      responses: { ok: { description: Stored } }
"#;
    let (_folder, normal) = written(&[("files.yaml", text)]);
    let unjudged = normal.unwrap().unjudged.join("\n");
    for part in
        ["part of a path segment", "`tags`", "GET /files/{name}.txt: its responses", "text/plain", "`ok`"]
    {
        assert!(unjudged.contains(part), "{part} is not in:\n{unjudged}");
    }
}

#[test]
fn an_invalid_document_is_refused_with_a_sentence() {
    let document = |paths: &str| format!("openapi: 3.0.0\npaths: {paths}");
    let of_response =
        |response: &str| document(&format!("{{ /a: {{ get: {{ responses: {{ '200': {response} }} }} }} }}"));
    for (text, says) in [
        ("", "this is not an OpenAPI document"),
        ("just words", "this is not an OpenAPI document"),
        ("a: [", "this is not valid YAML"),
        ("{ \"a\": 1,, }", "this is not valid JSON"),
        ("swagger: '2.0'", "Swagger 2.0"),
        ("openapi: 4.0.0", "OpenAPI 4.0.0 cannot be read"),
        ("openapi: 3.0.0", "no paths"),
        (&document("{}"), "no paths"),
        (
            &of_response("{ $ref: '#/components/responses/None' }"),
            "#/components/responses/None leads nowhere",
        ),
        (&of_response("{ $ref: 'other.yaml#/None' }"), "there is no such file"),
        (&of_response("{ $ref: 'https://example.org/a.yaml' }"), "which is not fetched"),
        (&document("{ /a: { $ref: '#/paths/~1a' } }"), "leads back to itself"),
    ] {
        let (_folder, normal) = written(&[("document.yaml", text)]);
        let sentence = normal.err().unwrap_or_else(|| panic!("{text} is taken for a document"));
        assert!(sentence.contains(says), "{text}: {sentence}");
        assert!(sentence.contains(".yaml: ") && !sentence.trim_end().contains("\n\n"), "{sentence}");
    }
}

#[test]
fn a_document_in_this_form_stays_as_it_is() {
    let text = json!({
        "openapi": "3.0.0",
        "paths": { "/a/{id}": { "get": {
            "operationId": "a",
            "security": [{ "bearer": [] }],
            "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "integer" } }],
            "responses": { "200": { "description": "A", "content": { "application/json": {
                "schema": { "$ref": "#/components/schemas/A" } } } } },
        } } },
        "components": { "schemas": { "A": { "type": "object", "properties": {
            "b": { "description": "B", "allOf": [{ "$ref": "#/components/schemas/A" }] } } } } },
    });
    let (_folder, normal) = written(&[("a.json", &text.to_string())]);
    let normal = normal.unwrap();
    assert_eq!((normal.json, normal.unjudged), (text, Vec::<String>::new()));
}

#[test]
fn an_unreadable_number_of_levels_ends() {
    let mut schema = json!({ "type": "string" });
    for _ in 0..200 {
        schema = json!({ "type": "array", "items": schema });
    }
    let document = json!({ "openapi": "3.0.0", "paths": { "/a": { "get": { "responses": { "200": {
        "description": "A", "content": { "application/json": { "schema": schema } } } } } } } });
    let text = Value::to_string(&document);
    let (_folder, normal) = written(&[("deep.json", &text)]);
    assert!(normal.err().is_some_and(|sentence| sentence.contains("deep.json: ")));
}

//! The contract: the OpenAPI documents and the workflows, read from `openapi/`.

use std::{collections::BTreeMap, sync::LazyLock};

use jsonschema::Validator;
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::engine::deployment::{SERVICES, read};

/// The contract as it is checked in.
pub static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::read);

/// Everything that was promised.
pub struct Contract {
    /// A document for each of [`SERVICES`].
    pub documents: Vec<Document>,
    /// The workflows, as text.
    pub workflows: String,
}

/// What one service promises.
pub struct Document {
    /// The service.
    pub service: &'static str,
    /// The OpenAPI document.
    pub json: Value,
    /// Its operations, in the order of the document.
    pub operations: Vec<Operation>,
}

/// What can be asked of a service.
pub struct Operation {
    /// The service.
    pub service: &'static str,
    /// The operation id.
    pub id: String,
    /// In upper case.
    pub method: String,
    /// Such as `/products/{id}`.
    pub template: String,
    /// The schema of its body, if it has one.
    pub body: Option<Value>,
    /// Judges its body.
    body_schema: Validator,
    /// Whether it takes an `Idempotency-Key`.
    pub takes_key: bool,
    /// What it can answer, by status.
    pub answers: BTreeMap<u16, Documented>,
}

/// An answer, as it is documented.
pub struct Documented {
    /// The exact error texts, if it is a refusal: the document has them in backticks in the answer's description.
    pub texts: Vec<String>,
    /// The media types of the body.
    pub media_types: Vec<String>,
    /// The headers that must be there.
    pub headers: Vec<String>,
    /// The fields of the body in their order, if it is an object.
    pub fields: Vec<String>,
    /// Judges bodies. Nothing undocumented is let through.
    pub schema: Validator,
}

impl Contract {
    fn read() -> Self {
        let documents = SERVICES.iter().map(|service| {
            let json = serde_json::from_str(&read(&format!("{service}.json"))).expect("an OpenAPI document");
            Document::new(service, json)
        });
        Self { documents: documents.collect(), workflows: read("store.arazzo.yaml") }
    }

    /// All operations of all services.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.documents.iter().flat_map(|document| &document.operations)
    }

    /// The document of a service.
    pub fn document(&self, service: &str) -> &Document {
        self.documents.iter().find(|document| document.service == service).expect("a service of the store")
    }
}

impl Document {
    /// Reads a document.
    pub(crate) fn new(service: &'static str, json: Value) -> Self {
        let mut operations = Vec::new();
        for (template, path) in json["paths"].as_object().expect("paths") {
            for (method, operation) in path.as_object().expect("methods") {
                operations.push(Operation::new(service, &json, template, method, operation));
            }
        }
        Self { service, json, operations }
    }

    /// The operation that answers `method` at `path`.
    pub fn find(&self, method: &str, path: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.method == method && operation.is_at(path))
    }
}

impl Operation {
    fn new(service: &'static str, document: &Value, template: &str, method: &str, operation: &Value) -> Self {
        let answers =
            operation["responses"].as_object().expect("answers").iter().map(|(status, answer)| {
                (status.parse().expect("a status"), Documented::new(document, answer))
            });
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        let mut parameters = operation["parameters"].as_array().into_iter().flatten();
        Self {
            service,
            id: operation["operationId"].as_str().expect("an operation id").into(),
            method: method.to_uppercase(),
            template: template.into(),
            body: (!body.is_null()).then(|| resolve(document, body).clone()),
            body_schema: validator(document, body),
            takes_key: parameters.any(|parameter| parameter["name"] == "Idempotency-Key"),
            answers: answers.collect(),
        }
    }

    fn is_at(&self, path: &str) -> bool {
        let (template, path) = (self.template.split('/'), path.split('/'));
        template.clone().count() == path.clone().count()
            && template.zip(path).all(|(expected, segment)| match expected.starts_with('{') {
                true => !segment.is_empty(),
                false => expected == segment,
            })
    }

    /// The path with this id, if it has one.
    pub fn path(&self, id: &str) -> String {
        self.template.replace("{id}", id)
    }

    /// How the document declares it.
    pub(crate) fn declaration(&self) -> &'static Value {
        &CONTRACT.document(self.service).json["paths"][&self.template][self.method.to_lowercase()]
    }

    /// Whether the operation takes this body, as far as the document can tell.
    pub fn fits(&self, body: &Value) -> bool {
        self.body_schema.is_valid(body)
    }

    /// A body that the operation takes, from the document.
    pub fn example(&self) -> Option<Value> {
        self.body.as_ref().map(|schema| schema["example"].clone())
    }
}

impl Documented {
    fn new(document: &Value, answer: &Value) -> Self {
        static TEXT: LazyLock<Regex> = LazyLock::new(|| Regex::new("`([^`]+)`").expect("a pattern"));
        let empty = Map::new();
        let content = answer["content"].as_object().unwrap_or(&empty);
        let schema = content.values().next().map_or(json!({}), |media_type| media_type["schema"].clone());
        let resolved = resolve(document, &schema).clone();
        let is_refusal = resolved["properties"].get("error").is_some();
        let description = answer["description"].as_str().unwrap_or_default();
        let texts = TEXT.captures_iter(description).map(|found| found[1].to_owned());
        let headers = answer["headers"].as_object().unwrap_or(&empty).iter();
        let required = headers.filter(|(_, header)| header["required"] == true);
        Self {
            texts: texts.filter(|_| is_refusal).collect(),
            media_types: content.keys().cloned().collect(),
            headers: required.map(|(name, _)| name.clone()).collect(),
            fields: resolved["properties"].as_object().unwrap_or(&empty).keys().cloned().collect(),
            schema: validator(document, &schema),
        }
    }
}

/// What a reference leads to.
pub(crate) fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => {
            let target = document.pointer(reference.trim_start_matches('#')).expect("what is referred to");
            resolve(document, target)
        }
        None => schema,
    }
}

fn validator(document: &Value, schema: &Value) -> Validator {
    let schema = if schema.is_null() { &json!({}) } else { schema };
    let mut whole = json!({ "allOf": [schema], "components": document["components"] });
    let schemas = whole["components"]["schemas"].as_object_mut().expect("schemas");
    for schema in schemas.values_mut().filter(|schema| schema["type"] == "object") {
        schema["additionalProperties"] = false.into();
    }
    jsonschema::draft7::new(&whole).expect("a schema")
}

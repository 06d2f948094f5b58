//! The contract: the OpenAPI documents and the workflows, read from `openapi/`.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use jsonschema::Validator;
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::engine::{
    deployment::{SERVICES, read},
    exchange::escaped,
    schema::{self, path_parameters, resolve},
};

/// What else an item of a path can have is no operation (OpenAPI 3.0, "Path Item Object").
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

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
    /// How the document declares it.
    declaration: Value,
    /// The document's schemas, where references lead.
    schemas: Arc<Value>,
}

/// An answer, as it is documented.
pub struct Documented {
    /// The exact error texts, if it is a refusal: the document has them in backticks in the answer's description.
    pub texts: Vec<String>,
    /// The media types of the body. An answer of none has no body.
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
        let schemas = Arc::new(json!({ "components": json["components"] }));
        for (template, path) in json["paths"].as_object().expect("paths") {
            for (method, operation) in methods(path) {
                operations.push(Operation::new(service, &schemas, template, method, operation));
            }
        }
        Self { service, json, operations }
    }

    /// The operation that answers `method` at `path`.
    pub fn find(&self, method: &str, path: &str) -> Option<&Operation> {
        let fitting =
            self.operations.iter().filter(|operation| operation.method == method && operation.is_at(path));
        // A path without a parameter goes before one with it (OpenAPI 3.0, "Paths Object").
        fitting.min_by_key(|operation| path_parameters(&operation.template).count())
    }
}

/// The operations of a path, by their methods.
pub(crate) fn methods(path: &Value) -> impl Iterator<Item = (&String, &Value)> {
    path.as_object().into_iter().flatten().filter(|(method, _)| METHODS.contains(&method.as_str()))
}

impl Operation {
    fn new(
        service: &'static str,
        document: &Arc<Value>,
        template: &str,
        method: &str,
        operation: &Value,
    ) -> Self {
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
            declaration: operation.clone(),
            schemas: document.clone(),
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

    /// The path with `value`, as it stands in a URL, for its last parameter, if it has one, and with examples for the others.
    pub fn path(&self, value: &str) -> String {
        let last = path_parameters(&self.template).last();
        self.path_with(|name| (Some(name) == last).then(|| value.to_owned()))
    }

    /// The path with what `value` gives for each of its parameters, or else with examples.
    pub fn path_with(&self, value: impl Fn(&str) -> Option<String>) -> String {
        let mut path = self.template.clone();
        for name in path_parameters(&self.template) {
            let value = value(name).unwrap_or_else(|| self.path_example(name));
            path = path.replace(&format!("{{{name}}}"), &value);
        }
        path
    }

    fn path_example(&self, name: &str) -> String {
        let parameter = self.parameters().find(|one| one["in"] == "path" && one["name"] == name);
        let example = parameter.map_or(Value::Null, |one| schema::example(&self.schemas, &one["schema"]));
        escaped(&example.as_str().map_or_else(|| example.to_string(), str::to_owned))
    }

    /// How the document declares it.
    pub fn declaration(&self) -> &Value {
        &self.declaration
    }

    /// The document's schemas, where references lead.
    pub(crate) fn schemas(&self) -> &Value {
        &self.schemas
    }

    /// Its parameters, as they are declared.
    pub fn parameters(&self) -> impl Iterator<Item = &Value> {
        self.declaration["parameters"].as_array().into_iter().flatten()
    }

    /// Whether it creates something in a place of its own, which it names.
    pub fn creates(&self) -> bool {
        self.method == "POST" && self.answers.contains_key(&201) && !self.template.contains('{')
    }

    /// Whether it lists what its service has.
    pub fn lists(&self) -> bool {
        let schema = resolve(&self.schemas, self.answer_schema("200"));
        self.method == "GET" && schema["type"] == "array" && !self.template.contains('{')
    }

    /// Whether one of its parameters may have this value, as far as the document can tell.
    pub fn takes(&self, parameter: &Value, value: &Value) -> bool {
        validator(&self.schemas, &parameter["schema"]).is_valid(value)
    }

    /// The schema of its answers with this status, if they have a body.
    pub(crate) fn answer_schema(&self, status: &str) -> &Value {
        let content = self.declaration["responses"][status]["content"].as_object();
        content.and_then(|content| content.values().next()).map_or(&Value::Null, |one| &one["schema"])
    }

    /// The operation that does `method` to one of what this one lists or creates, and the name of its parameter.
    pub(crate) fn of_item<'a>(&self, document: &'a Document, method: &str) -> Option<(&'a Self, &'a str)> {
        document.operations.iter().find_map(|other| {
            let name = other.template.strip_prefix(&self.template)?.strip_prefix("/{")?.strip_suffix('}')?;
            (other.method == method && !name.contains('/')).then_some((other, name))
        })
    }

    /// Whether the operation takes this body, as far as the document can tell.
    pub fn fits(&self, body: &Value) -> bool {
        self.body_schema.is_valid(body)
    }

    /// A body that the operation takes, from the document.
    pub fn example(&self) -> Option<Value> {
        self.body.as_ref().map(|body| schema::example(&self.schemas, body))
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

fn validator(document: &Value, schema: &Value) -> Validator {
    let schema = if schema.is_null() { &json!({}) } else { schema };
    let mut whole = json!({ "allOf": [schema], "components": document["components"] });
    let schemas = whole["components"]["schemas"].as_object_mut().into_iter().flatten();
    for (_, schema) in schemas.filter(|(_, schema)| schema["type"] == "object") {
        schema["additionalProperties"] = false.into();
    }
    jsonschema::draft7::new(&whole).expect("a schema")
}

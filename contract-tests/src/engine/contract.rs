//! The contract: what the documents of the services promise.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use serde_json::{Value, json};

use crate::engine::{
    documented::{Documented, json_body, json_content, strip, validator, without},
    example,
    exchange::{KEY, escaped, written},
    schema::{METHODS, path_parameters, resolve},
    security::{self, Security},
    sent::Sent,
    subject::subject,
};

/// The contract that this process judges.
pub static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::read);

/// Everything that was promised.
pub struct Contract {
    /// A document for each service.
    pub documents: Vec<Document>,
}

/// The document of one service.
pub struct Document {
    /// The service.
    pub service: &'static str,
    /// The OpenAPI document.
    pub json: Value,
    /// Its operations, in the order of the document.
    pub operations: Vec<Operation>,
}

/// An operation of a service.
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
    /// The media type of its body.
    pub media_type: String,
    /// Its body.
    sent: Sent,
    /// Whether it accepts an `Idempotency-Key`.
    pub accepts_key: bool,
    /// The credentials that it requires.
    pub security: Security,
    /// Its documented responses, by status.
    pub responses: BTreeMap<u16, Documented>,
    /// Its other documented responses, by `4XX` and so on, and finally by `default`.
    pub ranges: Vec<(String, Documented)>,
    /// How the document declares it.
    declaration: Value,
    /// The document's schemas, where references lead.
    schemas: Arc<Value>,
    /// The same, as far as they are of requests.
    request_schemas: Arc<Value>,
}

impl Contract {
    fn read() -> Self {
        let services = subject().services.iter();
        Self {
            documents: services
                .map(|service| Document::new(service.name, service.document.clone()))
                .collect(),
        }
    }

    /// All operations of all services.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.documents.iter().flat_map(|document| &document.operations)
    }

    /// The document of a service.
    pub fn document(&self, service: &str) -> &Document {
        self.documents.iter().find(|document| document.service == service).expect("a service of the contract")
    }
}

impl Document {
    /// Reads a document.
    pub(crate) fn new(service: &'static str, json: Value) -> Self {
        let mut operations = Vec::new();
        let schemas = Arc::new(json!({ "openapi": json["openapi"], "components": json["components"] }));
        let (answered, sent) =
            (Arc::new(without(&schemas, "writeOnly")), Arc::new(without(&schemas, "readOnly")));
        for (template, path) in json["paths"].as_object().into_iter().flatten() {
            // What is only a part of a segment cannot be told from the rest of it, and a path without `/` is a part of a host.
            let is_asked = template.starts_with('/')
                && template.matches('{').count() == path_parameters(template).count();
            if !is_asked {
                continue;
            }
            for (method, operation) in methods(path) {
                operations.push(Operation::new(service, [&answered, &sent], template, method, operation));
            }
        }
        Self { service, json, operations }
    }

    /// The operation for `method` at `path`.
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
        [answered, sent]: [&Arc<Value>; 2],
        template: &str,
        method: &str,
        declaration: &Value,
    ) -> Self {
        let mut responses = BTreeMap::new();
        let mut ranges = Vec::new();
        for (status, response) in declaration["responses"].as_object().into_iter().flatten() {
            let documented = Documented::new(answered, response);
            match status.parse() {
                Ok(status) => drop(responses.insert(status, documented)),
                Err(_) => ranges.push((status.clone(), documented)),
            }
        }
        // `4XX` goes before `default` (OpenAPI 3.0, "Responses Object").
        ranges.sort_by(|(one, _), (other, _)| one.cmp(other));
        let body = &declaration["requestBody"];
        let (media_type, body_schema) = json_body(body);
        let mut body_schema = body_schema.clone();
        strip(&mut body_schema, "readOnly");
        let mut parameters = declaration["parameters"].as_array().into_iter().flatten();
        Self {
            service,
            id: declaration["operationId"].as_str().unwrap_or_default().into(),
            method: method.to_uppercase(),
            template: template.into(),
            body: (!body_schema.is_null()).then(|| resolve(sent, &body_schema).clone()),
            media_type: media_type.into(),
            sent: Sent::new(sent, body, body_schema),
            accepts_key: parameters.any(|parameter| parameter["name"] == KEY),
            security: security::declared(answered, declaration),
            responses,
            ranges,
            declaration: declaration.clone(),
            schemas: answered.clone(),
            request_schemas: sent.clone(),
        }
    }

    /// The documented response with this status, and its key in the document: `404`, `4XX` or `default`.
    pub fn documented(&self, status: u16) -> Option<(String, &Documented)> {
        if let Some(documented) = self.responses.get(&status) {
            return Some((status.to_string(), documented));
        }
        let range = format!("{}XX", status / 100);
        let mut ranges = self.ranges.iter().filter(|(name, _)| *name == range || name == "default");
        ranges.next().map(|(name, documented)| (name.clone(), documented))
    }

    /// Every response that it can give, by what the document calls it.
    pub fn all_documented(&self) -> impl Iterator<Item = (String, &Documented)> {
        let exact = self.responses.iter().map(|(status, documented)| (status.to_string(), documented));
        exact.chain(self.ranges.iter().map(|(name, documented)| (name.clone(), documented)))
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
        let example = parameter.map_or(Value::Null, |one| match one.get("example") {
            Some(example) => example.clone(),
            None => example::example(&self.schemas, &one["schema"]),
        });
        escaped(&written(&example))
    }

    /// Whether a caller without a credential must be refused.
    pub fn is_closed(&self) -> bool {
        security::is_closed(&self.security)
    }

    /// How the document declares it.
    pub fn declaration(&self) -> &Value {
        &self.declaration
    }

    /// The document's schemas, where references lead.
    pub(crate) fn schemas(&self) -> &Value {
        &self.schemas
    }

    /// The document's schemas, as far as they are of requests.
    pub(crate) fn request_schemas(&self) -> &Value {
        &self.request_schemas
    }

    /// Its parameters, as they are declared.
    pub fn parameters(&self) -> impl Iterator<Item = &Value> {
        self.declaration["parameters"].as_array().into_iter().flatten()
    }

    /// Whether it creates something in a place of its own, which it names.
    pub fn creates(&self) -> bool {
        self.method == "POST" && self.responses.contains_key(&201) && !self.template.contains('{')
    }

    /// Whether it lists what its service has.
    pub fn lists(&self) -> bool {
        let schema = resolve(&self.schemas, self.response_schema("200"));
        self.method == "GET" && schema["type"] == "array" && !self.template.contains('{')
    }

    /// Whether one of its parameters may have this value, as far as the document can tell.
    pub fn accepts(&self, parameter: &Value, value: &Value) -> bool {
        validator(&self.schemas, &parameter["schema"]).is_valid(value)
    }

    /// The schema of its responses with this status, if they have a body.
    pub(crate) fn response_schema(&self, status: &str) -> &Value {
        let key = status.parse().ok().and_then(|status| self.documented(status)).map(|(key, _)| key);
        let response = &self.declaration["responses"][key.as_deref().unwrap_or(status)];
        &json_content(&response["content"])["schema"]
    }

    /// The operation that does `method` to one of what this one lists or creates, and the name of its parameter.
    pub(crate) fn of_item<'a>(&self, document: &'a Document, method: &str) -> Option<(&'a Self, &'a str)> {
        document.operations.iter().find_map(|other| {
            let name = other.template.strip_prefix(&self.template)?.strip_prefix("/{")?.strip_suffix('}')?;
            (other.method == method && !name.contains('/')).then_some((other, name))
        })
    }

    /// The operation that creates what this one deletes, if there is one.
    pub(crate) fn creator(&self) -> Option<&'static Self> {
        let document = CONTRACT.document(self.service);
        let deletes = |(of_item, _): (&Self, &str)| of_item.template == self.template;
        document
            .operations
            .iter()
            .find(|other| other.creates() && other.of_item(document, "DELETE").is_some_and(deletes))
    }

    /// Whether the operation accepts this body, as far as the document can tell.
    pub fn fits(&self, body: &Value) -> bool {
        self.sent.fits(body)
    }

    /// Whether it cannot be asked, since it needs a body of which no example can be made.
    pub fn needs_other_body(&self) -> bool {
        self.sent.is_required() && self.example().is_none()
    }

    /// Why there is no example of its body, if it has one.
    pub(crate) fn why_no_example(&self) -> Option<&str> {
        self.body.as_ref().and_then(|_| self.sent.example(&self.request_schemas).err())
    }

    /// The example with every field that the document knows and a value can be made for.
    pub(crate) fn complete(&self, example: &Value) -> Value {
        self.sent.complete(&self.request_schemas, example)
    }

    /// A body that the operation accepts, from the document.
    pub fn example(&self) -> Option<Value> {
        self.sent.example(&self.request_schemas).ok().cloned()
    }
}

//! The original contract as projects for Specmatic, a third-party contract tool, whose verdict does not depend on our code.
//!
//! It compares a response with its schema, and never with the response of an example. So it gets derived documents, in which each
//! response has one error message, or the recorded values. A response with several messages takes several projects.
//! It also invents a token if a document requires one, so here the token is an ordinary header.
//!
//! The examples are the requests of the common workflows, and the responses of a store with the data that
//! [`situations::prepare`] creates: product 1 and order 1. A refusal that needs more data is omitted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use serde_json::{Map, Value, json};

use crate::{
    engine::{
        contract::{CONTRACT, Document, Operation},
        deployment::{Deployment, SERVICES, variable},
        exchange::{Request, Response},
        failure::Failure,
        replay::{
            label::Label,
            situations,
            workflows::{self, Played},
        },
        session::Scope,
    },
    harness::{folders::results, store::Store},
    suite::examples,
};

/// The texts that any faithful implementation refuses with.
const TEXTS: [&str; 7] = [
    "Unauthorized",
    "Missing fields",
    "Product not found",
    "Product not found or unavailable",
    "Not enough stock",
    "Order not found",
    "Order not found or unavailable",
];

/// What Specmatic judges in one run.
pub struct Project {
    /// The derived documents, by service.
    documents: BTreeMap<&'static str, Value>,
    /// The examples of each service, in Specmatic's own format, by the names of their files.
    examples: BTreeMap<(&'static str, String), Value>,
}

/// A documented response of an operation: its status, and its text if it is a refusal.
type Row = (&'static Operation, u16, Option<String>);

struct Exchange {
    name: String,
    row: Row,
    request: Request,
    response: Response,
}

/// Records the examples with stores of `program`, and makes as many projects of them as a response has texts.
///
/// # Errors
/// A store does not respond as it must.
pub fn record(program: &str) -> Result<Vec<Project>, Failure> {
    let exchanges = recorded(program)?;
    let mut projects = Vec::new();
    for (place, row) in rows() {
        projects.resize_with(projects.len().max(place + 1), Project::new);
        let of_row = exchanges.iter().filter(|exchange| key(&exchange.row) == key(&row));
        projects[place].add(&row, &of_row.collect::<Vec<_>>());
    }
    Ok(projects)
}

/// What is wrong with the projects: rows of part 1 without an example, and examples that do not fit their document.
pub fn complaints(projects: &[Project]) -> Vec<String> {
    let mut missing: BTreeSet<String> = rows().iter().map(|(_, row)| key(row)).collect();
    let mut complaints = Vec::new();
    for project in projects {
        for (service, json) in &project.documents {
            let document = Document::new(service, json.clone());
            for ((_, name), example) in project.examples.iter().filter(|((of, _), _)| of == service) {
                match row_of(&document, example) {
                    Some(row) => drop(missing.remove(&row)),
                    None => complaints.push(format!("{service}: {name} does not fit: {example}")),
                }
            }
        }
    }
    complaints.extend(missing.iter().map(|row| format!("there is no example of {row}")));
    complaints
}

/// Leaves the projects in `target/contract/specmatic`, a folder for each, in place of any that were there.
pub fn write(projects: &[Project]) {
    let folder = results().join("specmatic");
    let _ = fs::remove_dir_all(&folder);
    for (project, number) in projects.iter().zip(1..) {
        let folder = folder.join(number.to_string());
        for (service, document) in &project.documents {
            fs::create_dir_all(folder.join(format!("{service}_examples"))).expect("a folder for examples");
            fs::write(folder.join(format!("{service}.json")), format!("{document:#}\n")).expect("a document");
        }
        for ((service, name), example) in &project.examples {
            let file = folder.join(format!("{service}_examples/{name}.json"));
            fs::write(file, format!("{example:#}\n")).expect("an example");
        }
        fs::write(folder.join("specmatic.yaml"), settings()).expect("the settings");
    }
}

/// The settings of Specmatic: where the documents are, and the services that they describe.
fn settings() -> String {
    let line = |what: &dyn Fn(&str) -> String| {
        SERVICES
            .iter()
            .map(|service| format!("- {{ spec: {{ id: {service}, {} }} }}\n", what(service)))
            .collect()
    };
    let deployment = Deployment::default();
    let documents: String = line(&|service| format!("path: {service}.json"));
    let addresses: String = line(&|service| {
        format!("baseUrl: \"${{{}:{}}}\"", variable(service, "URL"), deployment.service(service).url)
    });
    let indented =
        |lines: &str, width: usize| lines.trim_end().replace('\n', &format!("\n{}", " ".repeat(width)));
    include_str!("specmatic.yaml")
        .replace("@documents@", &indented(&documents, 12))
        .replace("@addresses@", &indented(&addresses, 10))
}

/// Every row of part 1, and the place of its text among those of the response.
fn rows() -> Vec<(usize, Row)> {
    let mut rows = Vec::new();
    for operation in CONTRACT.operations().filter(|operation| workflows::is_common(operation)) {
        for (status, documented) in &operation.responses {
            let texts = documented.texts.iter().filter(|text| TEXTS.contains(&text.as_str())).cloned();
            rows.extend(texts.enumerate().map(|(place, text)| (place, (operation, *status, Some(text)))));
            if documented.texts.is_empty() && (200..300).contains(status) {
                rows.push((0, (operation, *status, None)));
            }
        }
    }
    rows
}

/// What a row is called.
fn key((operation, status, text): &Row) -> String {
    format!("{} {status} {}", operation.id, text.as_deref().unwrap_or_default())
}

/// Each request of the common workflows that a prepared store answers as the workflow's own did, and what it answers. Of
/// what an operation does, rather than refuses, the first is enough.
fn recorded(program: &str) -> Result<Vec<Exchange>, Failure> {
    let (_prepared_store, prepared) = Store::start_with_session(program, &[]);
    situations::prepare(&prepared)?;
    let mut exchanges = Vec::new();
    let mut done = BTreeSet::new();
    for (workflow, _) in workflows::all().filter(|(id, _)| workflows::is_asked(id, Scope::Common)) {
        let (_store, session) = Store::start_with_session(program, &[]);
        for Played { label: Label { step, .. }, outcome } in workflows::play(workflow, &session) {
            let Some((request, expected)) = outcome? else { continue };
            let document = CONTRACT.document(&request.service);
            let operation = document.find(&request.method, request.path_only()).expect("an operation");
            if expected.status < 400 && !done.insert(&operation.id) {
                continue;
            }
            let response = prepared.send(&request)?;
            if (response.status, response.error()) == (expected.status, expected.error()) {
                let row = (operation, response.status, response.error());
                exchanges.push(Exchange { name: format!("{workflow}.{step}"), row, request, response });
            }
        }
    }
    Ok(exchanges)
}

impl Project {
    /// A project whose documents know no operation.
    fn new() -> Self {
        let documents = CONTRACT.documents.iter().map(|document| {
            let mut json = document.json.clone();
            json["paths"] = json!({});
            (document.service, json)
        });
        Self { documents: documents.collect(), examples: BTreeMap::new() }
    }

    /// Adds a documented response, and its examples.
    fn add(&mut self, (operation, status, _): &Row, exchanges: &[&Exchange]) {
        let (method, status) = (operation.method.to_lowercase(), status.to_string());
        let original = &CONTRACT.document(operation.service).json["paths"][&operation.template][&method];
        let document = self.documents.get_mut(operation.service).expect("a service of the store");
        let derived = &mut document["paths"][&operation.template][&method];
        if derived.is_null() {
            derived.clone_from(original);
            derived["responses"] = json!({});
            let fields = derived.as_object_mut().expect("an operation");
            fields.shift_remove("security");
            let parameters = fields.entry("parameters").or_insert_with(|| json!([]));
            let token = json!({ "name": "Authorization", "in": "header", "schema": { "type": "string" } });
            parameters.as_array_mut().expect("parameters").push(token);
        }
        derived["responses"][&status] = original["responses"][&status].clone();
        examples::forget(derived);
        if let Some(exact) = exchanges.first().and_then(|exchange| exactly(&exchange.response)) {
            derived["responses"][&status]["content"]["application/json"]["schema"] = exact;
        }
        let examples =
            exchanges.iter().map(|exchange| ((operation.service, exchange.name.clone()), exchange.example()));
        self.examples.extend(examples);
    }
}

/// The schema of this very object. What is created has another id each time.
fn exactly(response: &Response) -> Option<Value> {
    let body = response.json();
    let body = body.as_object()?;
    let property = |(field, value): (&String, &Value)| {
        let is_new = field == "id" && response.status == 201;
        let kind = match value {
            Value::String(_) => "string",
            Value::Bool(_) => "boolean",
            Value::Object(_) => "object",
            Value::Array(_) => "array",
            _ => "number",
        };
        let schema = if is_new { json!({ "type": kind }) } else { json!({ "type": kind, "enum": [value] }) };
        (field.clone(), schema)
    };
    Some(json!({
        "type": "object",
        "required": body.keys().collect::<Vec<_>>(),
        "properties": body.iter().map(property).collect::<Map<_, _>>(),
        "additionalProperties": false,
    }))
}

impl Exchange {
    /// The exchange in Specmatic's own format. It refuses a response with a header that is not documented.
    fn example(&self) -> Value {
        let Self { name, row: (operation, status, text), request, response } = self;
        let sentence = name.rsplit('.').next().unwrap_or_default().replace('_', " ");
        let mut sent = json!({
            "method": request.method,
            "path": request.path,
            "headers": request.headers.iter().cloned().collect::<BTreeMap<_, _>>(),
        });
        if !request.body.is_empty() {
            sent["body"] = serde_json::from_slice(&request.body).expect("a JSON body");
        }
        let has_body = !response.body.is_empty();
        let known = operation.responses[status].headers.iter().map(String::as_str);
        let known = known.chain(has_body.then_some("Content-Type"));
        let headers: BTreeMap<_, _> = known.map(|name| (name, response.header(name))).collect();
        let mut answered = json!({ "status": status, "headers": headers });
        if !response.body.is_empty() {
            answered["body"] = response.json();
        }
        json!({
            "name": text.as_ref().map_or(sentence.clone(), |text| format!("{text}: {sentence}")),
            "http-request": sent,
            "http-response": answered,
        })
    }
}

/// What the row is called that an example is of, if it fits the document. The body of what is refused need not.
fn row_of(document: &Document, example: &Value) -> Option<String> {
    let (request, response) = (&example["http-request"], &example["http-response"]);
    let operation = document.find(request["method"].as_str()?, request["path"].as_str()?)?;
    let status = response["status"].as_u64()?.try_into().ok()?;
    let is_sound = status >= 400 || request.get("body").is_none_or(|body| operation.fits(body));
    let documented = operation.responses.get(&status)?;
    let fits = is_sound && documented.media_types.is_empty() == response["body"].is_null();
    let fits = fits && documented.schema.is_valid(&response["body"]);
    let text = response["body"]["error"].as_str().unwrap_or_default();
    fits.then(|| format!("{} {status} {text}", operation.id))
}

//! What cannot be tested in an operation: schemas that cannot be read, bodies and fields that cannot be generated, and limits at which
//! no value is tried.

use serde_json::Value;

use crate::engine::{
    contract::Operation,
    documented::{complaint, json_body, json_content},
    facets::{fields, parameter_name},
    limits,
};

/// What cannot be tested in an operation, one sentence each.
pub fn of(operation: &Operation) -> Vec<String> {
    let of_schema = |what: String, document: &Value, schema: &Value| {
        let why = complaint(document, schema)?;
        let Operation { service, id, .. } = operation;
        Some(format!("{service} {id}: {what}, whose schema cannot be read ({why})"))
    };
    let responses = operation.declaration()["responses"].as_object().into_iter().flatten();
    let of_responses = responses.filter_map(|(status, response)| {
        let schema = &json_content(&response["content"])["schema"];
        of_schema(format!("the response {status}"), operation.schemas(), schema)
    });
    let (_, body) = json_body(&operation.declaration()["requestBody"]);
    let of_body = of_schema("the body".into(), operation.request_schemas(), body);
    of_responses.chain(of_body).chain(unmade(operation)).chain(untried(operation)).collect()
}

/// The body, or the fields of it, for which no value can be made.
fn unmade(operation: &Operation) -> Vec<String> {
    let Operation { service, method, template, body, .. } = operation;
    let at = format!("{service}, {method} {template}");
    if let Some(why) = operation.why_no_example() {
        return vec![format!("{at}: its body, of which no example could be made ({why})")];
    }
    let (Some(body), Some(example)) = (body, operation.example()) else { return Vec::new() };
    let complete = operation.complete(&example);
    let fields = body["properties"].as_object().into_iter().flatten().map(|(name, _)| name);
    let unmade = fields.filter(|name| complete.is_object() && complete.get(name.as_str()).is_none());
    unmade
        .map(|name| format!("{at}: the field `{name}` of its body, for which no value could be made"))
        .collect()
}

/// The limits of parameters and of fields of the body.
fn untried(operation: &Operation) -> Vec<String> {
    let Operation { service, method, template, body, .. } = operation;
    let mut untried = Vec::new();
    let mut note = |what: &str, document: &Value, schema: &Value| {
        let keywords = limits::untried(document, schema).into_iter();
        let line = |keyword| {
            format!("{service}, {method} {template}: the `{keyword}` of {what}, at which no value is tried")
        };
        untried.extend(keywords.map(line));
    };
    for parameter in operation.parameters() {
        note(&parameter_name(parameter), operation.schemas(), &parameter["schema"]);
    }
    let (sent, body) = (operation.request_schemas(), body.as_ref().unwrap_or(&Value::Null));
    fields(sent, "body", body, &mut |at, schema, _| note(at, sent, schema));
    untried
}

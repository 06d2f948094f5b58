//! The faults that any service could have, in each of its operations, with what would notice them.

use serde_json::Value;

use super::{
    alterations::{
        another, answers, changes_nothing, creates_nothing, does_what_it_refuses, list, of_another_type,
        stores_another, things, twice,
    },
    fault::{Fault, Place, Tamper},
    generated,
};
use crate::engine::{
    contract::{CONTRACT, Operation},
    deployment::Deployment,
    schema::{requires, resolve},
};

/// A fault of an operation.
pub struct Generic {
    /// The fault.
    pub fault: Fault,
    /// The operation.
    pub operation: &'static Operation,
    /// What to add so that it is noticed.
    pub advice: String,
}

/// Every fault of every operation.
pub fn all(deployment: &Deployment) -> Vec<Generic> {
    CONTRACT.operations().flat_map(|operation| of_operation(operation, deployment)).collect()
}

fn of_operation(operation: &'static Operation, deployment: &Deployment) -> Vec<Generic> {
    let mut faults = Vec::new();
    let mut add = |what: &str, advice: String, tamper: Tamper| {
        let name = format!("{} {}: {what}", operation.service, operation.id);
        let fault = Fault { name, place: Place::Before(operation.service), tamper };
        faults.push(Generic { fault, operation, advice });
    };
    let id = &operation.id;
    if operation.is_closed() {
        let advice = format!("a step that calls {id} without a credential, and expects its refusal");
        add("no credential is looked at", advice, generated::is_open(operation, deployment));
    }
    statuses(operation, &mut add);
    fields(operation, &mut add);
    if operation.lists() {
        lists(operation, &mut add);
    }
    for parameter in operation.parameters().filter(|one| one["in"] == "query") {
        let name = parameter["name"].as_str().unwrap_or_default();
        let advice =
            format!("a step that calls {id} with `{name}`, and expects what only it can bring about");
        add(&format!("`{name}` is not read"), advice, generated::ignores(operation, name));
    }
    for (status, response) in operation.declaration()["responses"].as_object().into_iter().flatten() {
        for name in response["headers"].as_object().into_iter().flatten().map(|(name, _)| name.clone()) {
            let advice = format!(
                "`required: true` at the header in the document, or a criterion `$response.header.{name}`"
            );
            let (status, what) = (status.clone(), format!("{status} without the header {name}"));
            let tamper = answers(operation, move |answer| {
                if operation.documented(answer.status).is_some_and(|(key, _)| key == status) {
                    answer.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
                }
            });
            add(&what, advice, tamper);
        }
    }
    if operation.all_documented().any(|(status, one)| status.starts_with('2') && !one.media_types.is_empty())
    {
        let advice = format!("a call of {id} that succeeds");
        add(
            "another content type",
            advice,
            answers(operation, |answer| {
                if answer.status < 300 && !answer.body.is_empty() {
                    answer.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("Content-Type"));
                    answer.headers.push(("Content-Type".into(), "text/html".into()));
                }
            }),
        );
    }
    writes(operation, &mut add);
    faults
}

type Add<'a> = &'a mut dyn FnMut(&str, String, Tamper);

fn statuses(operation: &'static Operation, add: Add<'_>) {
    let id = &operation.id;
    let known: Vec<u16> = operation.answers.keys().copied().collect();
    for from in known.iter().copied().filter(|status| (200..500).contains(status) && *status != 304) {
        // One that is documented is the hardest to notice.
        let is_success = from < 300;
        let near = |to: &u16| *to != from && (*to < 300) == is_success && (200..500).contains(to);
        let others = if is_success { [200, 202, 201, 204] } else { [404, 400, 403, 409] };
        let Some(to) = known.iter().copied().find(near).or_else(|| others.into_iter().find(near)) else {
            continue;
        };
        let advice = format!("a step that calls {id} and expects `$statusCode == {from}`");
        add(
            &format!("{to} in place of {from}"),
            advice,
            answers(operation, move |answer| {
                if answer.status == from {
                    answer.status = to;
                }
            }),
        );
    }
    let successes: Vec<u16> = known.into_iter().filter(|status| *status < 300).collect();
    if !successes.is_empty() {
        add(
            "500 in place of a success",
            format!("a step that calls {id} and expects it to succeed"),
            answers(operation, |answer| {
                if answer.status < 300 {
                    answer.status = 500;
                }
            }),
        );
    }
    if let (Some(_), [success, ..]) = (operation.answers.get(&404), &successes[..]) {
        let (success, advice) =
            (*success, format!("a step that calls {id} for what is not there, and expects 404"));
        add(
            "what is not there is found",
            advice,
            answers(operation, move |answer| {
                if answer.status == 404 {
                    answer.status = success;
                }
            }),
        );
    }
}

/// The fields of what an operation answers.
fn fields(operation: &'static Operation, add: Add<'_>) {
    let id = &operation.id;
    let Some(status) = operation.answers.keys().find(|status| (200..300).contains(*status)) else { return };
    let document = operation.schemas();
    let schema = resolve(document, operation.answer_schema(&status.to_string()));
    let is_list = schema["type"] == "array";
    let thing = if is_list { resolve(document, &schema["items"]) } else { schema };
    let at = |name: &str| match is_list {
        true => format!("a step that calls {id} and expects the `{name}` that an item was given (jsonpath)"),
        false => format!("a step that calls {id} and expects a value of `$response.body#/{name}`"),
    };
    let fields: Vec<(String, &Value)> = thing["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, field)| (name.clone(), resolve(document, field)))
        .collect();
    for (name, field) in &fields {
        let field_name = name.clone();
        let values = field["enum"].as_array().cloned();
        add(
            &format!("another value of `{name}`"),
            at(name),
            things(operation, move |thing| {
                let Some(value) = thing.get_mut(&field_name) else { return };
                match values.iter().flatten().find(|other| *other != value) {
                    Some(other) => *value = other.clone(),
                    None => another(value),
                }
            }),
        );
        let (field_name, is_required) = (name.clone(), requires(thing, name));
        let advice = if is_required {
            format!("a call of {id} that succeeds")
        } else {
            format!("{}, or `required` in the document", at(name))
        };
        add(
            &format!("no `{name}`"),
            advice,
            things(operation, move |thing| {
                thing.as_object_mut().and_then(|thing| thing.shift_remove(&field_name));
            }),
        );
    }
    if let Some((name, _)) = fields.first() {
        let (field, advice) =
            (name.clone(), format!("a `type` of `{name}` in the document, and a call of {id} that succeeds"));
        add(
            &format!("`{name}` of another type"),
            advice,
            things(operation, move |thing| {
                thing.get_mut(&field).into_iter().for_each(of_another_type);
            }),
        );
    }
    if let Some((name, _)) = fields.last() {
        let (field, advice) = (name.clone(), format!("`required` in the document, or {}", at(name)));
        add(
            &format!("`{name}` under another name"),
            advice,
            things(operation, move |thing| {
                if let Some(value) = thing.as_object_mut().and_then(|thing| thing.shift_remove(&field)) {
                    thing[format!("{field}_")] = value;
                }
            }),
        );
    }
    let same = fields.iter().enumerate().find_map(|(index, (one, schema))| {
        let is_alike =
            |other: &&(String, &Value)| other.1["type"] == schema["type"] && schema["type"].is_string();
        Some((one.clone(), fields[index + 1..].iter().find(is_alike)?.0.clone()))
    });
    if let Some((one, other)) = same {
        let advice = format!("{}, and one of `{other}`", at(&one));
        add(
            &format!("`{one}` and `{other}` in each other's place"),
            advice,
            things(operation, move |thing| {
                if let (Some(first), Some(second)) = (thing.get(&one).cloned(), thing.get(&other).cloned()) {
                    thing[&one] = second;
                    thing[&other] = first;
                }
            }),
        );
    }
}

fn lists(operation: &'static Operation, add: Add<'_>) {
    let id = &operation.id;
    let has = format!("a step that calls {id} and expects what was created to be in the list (jsonpath)");
    let once = format!("a step that calls {id} and expects what was created to be in the list once");
    add("the last item is not in the list", has.clone(), list(operation, |items| drop(items.pop())));
    add("the list is empty", has, list(operation, Vec::clear));
    add(
        "the last item is in the list twice",
        once,
        list(operation, |items| items.extend(items.last().cloned())),
    );
    let first = format!("two things that are created, and a step that calls {id} and expects both of them");
    add(
        "the first item is not in the list",
        first,
        list(operation, |items| {
            if items.len() > 1 {
                items.remove(0);
            }
        }),
    );
}

/// What an operation stores.
fn writes(operation: &'static Operation, add: Add<'_>) {
    let id = &operation.id;
    let is_write = ["POST", "PUT", "PATCH"].contains(&operation.method.as_str());
    let properties = operation.body.as_ref().map(|body| &body["properties"]).filter(|_| is_write);
    for name in properties.and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name.clone()) {
        let says = format!("a step that calls {id} and expects `$response.body#/{name}` as it was sent");
        let reads = format!("a step that reads what {id} stored, and expects `{name}` as it was sent");
        add(&format!("another `{name}` is stored"), says, stores_another(operation, name.clone(), false));
        add(
            &format!("another `{name}` is stored than is answered"),
            reads,
            stores_another(operation, name, true),
        );
    }
    if operation.body.is_some() {
        let refused = format!("a step that sends {id} a body that does not fit, and expects its refusal");
        let reads = format!(
            "a step that lists what there is after {id} refused a body, and expects as much as before"
        );
        add("its body is not checked", refused, does_what_it_refuses(operation, true));
        add("what it refuses is done", reads, does_what_it_refuses(operation, false));
    }
    let document = CONTRACT.document(operation.service);
    if operation.creates() {
        let counts = format!("a step that lists what there is after {id}, and expects one more");
        add("what it creates is created twice", counts, twice(operation));
        if operation.of_item(document, "GET").is_some() {
            let reads = format!("a step that reads what {id} created");
            add("nothing is created", reads, creates_nothing(operation));
        }
    }
    let is_change = ["PUT", "PATCH", "DELETE"].contains(&operation.method.as_str());
    let can_read =
        document.operations.iter().any(|one| one.method == "GET" && one.template == operation.template);
    if is_change && can_read {
        let reads = format!("a step that reads after {id} what it changed, and expects the change");
        add("nothing is changed", reads, changes_nothing(operation));
    }
}

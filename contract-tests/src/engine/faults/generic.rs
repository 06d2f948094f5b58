//! The faults that any service could have in each of its operations, each with advice on what would notice it.

use faults::json::edit_body;
use serde_json::Value;

use super::{
    alterations::{
        changes_nothing, creates_nothing, does_what_it_refuses, ignores, is_open, list, responses,
        stores_another, twice,
    },
    fault::{Add, Fault, Place, Tamper},
    fields, ids,
};
use crate::engine::{
    contract::{CONTRACT, Operation},
    deployment::Deployment,
    subject::subject,
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
        add("credentials are not checked", advice, is_open(operation, deployment));
    }
    text(operation, &mut add);
    statuses(operation, &mut add);
    fields::of_responses(operation, &mut add);
    if operation.lists() {
        lists(operation, &mut add);
    }
    for parameter in operation.parameters().filter(|one| one["in"] == "query") {
        let name = parameter["name"].as_str().unwrap_or_default();
        let advice =
            format!("a step that calls {id} with `{name}`, and expects a response that only it can cause");
        add(&format!("`{name}` is not read"), advice, ignores(operation, name.to_owned()));
    }
    for (status, response) in operation.declaration()["responses"].as_object().into_iter().flatten() {
        for name in response["headers"].as_object().into_iter().flatten().map(|(name, _)| name.clone()) {
            let advice = format!(
                "`required: true` at the header in the document, or a criterion `$response.header.{name}`"
            );
            let (status, what) = (status.clone(), format!("{status} without the header {name}"));
            let tamper = responses(operation, move |response| {
                if operation.documented(response.status).is_some_and(|(key, _)| key == status) {
                    response.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
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
            responses(operation, |response| {
                if response.status < 300 && !response.body.is_empty() {
                    response.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("Content-Type"));
                    response.headers.push(("Content-Type".into(), "text/html".into()));
                }
            }),
        );
    }
    writes(operation, &mut add);
    faults
}

/// The text of a refusal that every operation has.
fn text(operation: &'static Operation, add: Add<'_>) {
    let texts = [404, 401].iter().find_map(|status| operation.responses.get(status)?.texts.first());
    let Some(text) = texts else { return };
    let advice = format!("a step that calls {}, is refused, and expects `{text}`", operation.id);
    let other = format!("{text}.");
    let tamper = responses(operation, move |response| {
        if response.error().as_ref() == Some(text) {
            edit_body(&mut response.body, |body| body["error"] = other.as_str().into());
        }
    });
    add(&format!("another error message than `{text}`"), advice, tamper);
}

fn statuses(operation: &'static Operation, add: Add<'_>) {
    let id = &operation.id;
    let known: Vec<u16> = operation.responses.keys().copied().collect();
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
            &format!("{to} instead of {from}"),
            advice,
            responses(operation, move |response| {
                if response.status == from {
                    response.status = to;
                }
            }),
        );
    }
    let successes: Vec<u16> = known.into_iter().filter(|status| *status < 300).collect();
    if !successes.is_empty() {
        add(
            "500 instead of a success",
            format!("a step that calls {id} and expects it to succeed"),
            responses(operation, |response| {
                if response.status < 300 {
                    response.status = 500;
                }
            }),
        );
    }
    if let (Some(_), [success, ..]) = (operation.responses.get(&404), &successes[..]) {
        let (success, advice) =
            (*success, format!("a step that calls {id} for a missing item, and expects 404"));
        add(
            "a missing item is found",
            advice,
            responses(operation, move |response| {
                if response.status == 404 {
                    response.status = success;
                }
            }),
        );
    }
}

fn lists(operation: &'static Operation, add: Add<'_>) {
    let id = &operation.id;
    let has = format!("a step that calls {id} and expects the created item in the list (jsonpath)");
    let once = format!("a step that calls {id} and expects the created item in the list once");
    add("the last item is not in the list", has.clone(), list(operation, |items| drop(items.pop())));
    add("the list is empty", has, list(operation, Vec::clear));
    add(
        "the last item is in the list twice",
        once,
        list(operation, |items| items.extend(items.last().cloned())),
    );
    let first = format!("steps that create two items, and one that calls {id} and expects both");
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

/// Adds faults in what an operation stores.
fn writes(operation: &'static Operation, add: Add<'_>) {
    let id = &operation.id;
    let document = CONTRACT.document(operation.service);
    // Without a read, no test can notice a write.
    let can_read =
        document.operations.iter().any(|one| one.method == "GET" && one.template == operation.template);
    let is_write = ["POST", "PUT", "PATCH"].contains(&operation.method.as_str());
    let properties = operation.body.as_ref().map(|body| &body["properties"]).filter(|_| is_write);
    // A success without a body shows none of it.
    let mut successes = operation.all_documented().filter(|(status, _)| status.starts_with('2'));
    let shows = successes.any(|(_, success)| !success.media_types.is_empty());
    for name in properties.and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name.clone()) {
        let says = format!("a step that calls {id} and expects `$response.body#/{name}` as it was sent");
        let reads = format!("a step that reads what {id} stored, and expects `{name}` as it was sent");
        let what = format!("another `{name}` is stored");
        if !shows {
            add(&what, reads, stores_another(operation, name, false));
            continue;
        }
        add(&what, says, stores_another(operation, name.clone(), false));
        add(
            &format!("another `{name}` is stored than is returned"),
            reads,
            stores_another(operation, name, true),
        );
    }
    if operation.body.is_some() {
        let refused = format!("a step that sends an invalid body to {id}, and expects its refusal");
        let reads =
            format!("a step that lists the items after {id} has refused a body, and expects no new one");
        add("its body is not checked", refused, does_what_it_refuses(operation, true));
        if can_read {
            add("a refused request is executed", reads, does_what_it_refuses(operation, false));
        }
    }
    if operation.creates() {
        if can_read {
            let counts = format!("a step that lists the items after {id}, and expects one more");
            add("each item is created twice", counts, twice(operation));
        }
        if operation.of_item(document, "GET").is_some() {
            let reads = format!("a step that reads what {id} created");
            add("nothing is created", reads, creates_nothing(operation));
        }
    }
    let is_change = ["PUT", "PATCH", "DELETE"].contains(&operation.method.as_str());
    if is_change && can_read {
        let reads = format!("a step that reads after {id} what it changed, and expects the change");
        add("nothing is changed", reads, changes_nothing(operation));
    }
    let creator = operation.creator().filter(|_| operation.method == "DELETE");
    if let Some(creator) = creator.filter(|_| subject().profile.ids_are_given_once) {
        let again = format!("two steps that call {}, with one that calls {id} in between", creator.id);
        add("an id is given again", again, ids::are_given_again(operation, creator));
    }
}

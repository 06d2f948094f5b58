//! Faults in the fields of the response of an operation.

use serde_json::Value;

use super::{
    alterations::{another, of_another_type, things},
    fault::Add,
};
use crate::engine::{
    contract::Operation,
    schema::{requires, resolve},
};

/// The fields of the responses of an operation.
pub(super) fn of_responses(operation: &'static Operation, add: Add<'_>) {
    let id = &operation.id;
    let Some(status) = operation.responses.keys().find(|status| (200..300).contains(*status)) else { return };
    let document = operation.schemas();
    let schema = resolve(document, operation.response_schema(&status.to_string()));
    let is_list = schema["type"] == "array";
    let thing = if is_list { resolve(document, &schema["items"]) } else { schema };
    let at = |name: &str| match is_list {
        true => format!("a step that calls {id} and expects the `{name}` of an item (jsonpath)"),
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
            &format!("`{one}` and `{other}` are swapped"),
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

//! Validates a response against the document: its status, its body, its headers, and what must match the request.

use std::{borrow::Cow, sync::LazyLock};

use percent_encoding::percent_decode_str;
use regex::Regex;
use serde_json::Value;

use crate::engine::{
    contract::{CONTRACT, Operation},
    documented::Documented,
    exchange::{Request, Response, written},
    profile::Situation,
    schema::{is_json, resolve},
    subject::subject,
};

/// Judges a response to `operation`, and if it is the `whole` contract that is judged, also what not every implementation of it promises.
pub(crate) fn judge(
    operation: &Operation,
    request: &Request,
    response: &Response,
    whole: bool,
) -> Result<(), String> {
    let profile = &subject().profile;
    if is_free(response) && operation.documented(response.status).is_none() {
        return Ok(());
    }
    let (_, documented) = operation.documented(response.status).ok_or_else(|| {
        let known: Vec<String> = operation.all_documented().map(|(status, _)| status).collect();
        format!("a status that {} documents: {}", operation.id, known.join(", "))
    })?;
    let has_body = !documented.media_types.is_empty();
    if has_body {
        judge_media_type(documented, response, !(whole && profile.bare_media_types))?;
    } else if profile.documented_bodies_only {
        judge_absence(response)?;
    }
    match request.method.as_str() {
        "HEAD" if response.body.is_empty() => {}
        "HEAD" => return Err("no body in the response to a HEAD".into()),
        _ if has_body => {
            judge_body(documented, response)?;
            judge_echo(operation, request, response)?;
        }
        _ => {}
    }
    if whole { judge_details(operation, request, documented, response) } else { Ok(()) }
}

fn judge_media_type(
    documented: &Documented,
    response: &Response,
    may_have_parameters: bool,
) -> Result<(), String> {
    let media_type = response.header("Content-Type").unwrap_or_default();
    let (essence, parameters) = media_type.split_once(';').unwrap_or((media_type, ""));
    if !documented.allows(essence) || !(parameters.is_empty() || may_have_parameters) {
        return Err(format!("the content type {}", documented.media_types.join(" or ")));
    }
    Ok(())
}

/// Required headers and, if the profile has it so, the place of what was created, and `200` for what is not `200.0`.
fn judge_details(
    operation: &Operation,
    request: &Request,
    documented: &Documented,
    response: &Response,
) -> Result<(), String> {
    static WHOLE_WITH_FRACTION: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"^(?:[^"]|"(?:\\.|[^"\\])*")*?[0-9]\.0+[^0-9]"#).expect("a pattern"));
    let profile = &subject().profile;
    if let Some(name) = documented.headers.iter().find(|name| response.header(name).is_none_or(str::is_empty))
    {
        return Err(format!("the header {name}"));
    }
    if response.status == 201 && profile.location {
        judge_location(operation, request, response)?;
    }
    let is_json = is_json(response.header("Content-Type").unwrap_or_default());
    if response.body.is_empty() || !is_json || !profile.shortest_json {
        return Ok(());
    }
    // Read as doubles and written again, numbers have no more digits than they need: a longer one was rounded on its way.
    if serde_json::to_vec(&response.json()).is_ok_and(|shortest| shortest != response.body) {
        return Err("JSON without unnecessary characters, also in numbers".into());
    }
    if WHOLE_WITH_FRACTION.is_match(&String::from_utf8_lossy(&response.body)) {
        return Err("whole numbers without a fraction of zero".into());
    }
    Ok(())
}

/// Where a 201 says that something is.
fn judge_location(operation: &Operation, request: &Request, response: &Response) -> Result<(), String> {
    // A caller may encode more of a path than it has to (RFC 3986, section 6.2.2.2).
    let decoded = |path: &str| percent_decode_str(path).collect::<Vec<u8>>();
    let place = place(operation, request, response);
    let location = response.header("Location").map(decoded);
    let is_there = match place.strip_suffix(UNKNOWN) {
        None => location == Some(decoded(&place)),
        Some(below) => location.is_some_and(|it| it.len() > below.len() && it.starts_with(&decoded(below))),
    };
    if is_there { Ok(()) } else { Err(format!("the header Location: {place}")) }
}

/// The placeholder for an id that only the service knows.
const UNKNOWN: &str = "<id>";

/// Where a 201 says that something is: below the path that it was sent to, or there if the request names it.
fn place(operation: &Operation, request: &Request, response: &Response) -> String {
    let path = request.path_only();
    if request.method == "PUT" {
        return path.to_owned();
    }
    let of_item = |method| operation.of_item(CONTRACT.document(operation.service), method);
    let name = ["GET", "PUT", "DELETE", "PATCH"].into_iter().find_map(of_item).map_or("id", |(_, name)| name);
    match &response.json()[name] {
        // A body without the id does not say it.
        Value::Null => format!("{path}/{UNKNOWN}"),
        id => format!("{path}/{}", written(id)),
    }
}

/// A response returns what was sent: each field that request and response share is equal in both.
fn judge_echo(operation: &Operation, request: &Request, response: &Response) -> Result<(), String> {
    let is_stored =
        matches!(response.status, 200 | 201) && matches!(request.method.as_str(), "POST" | "PUT" | "PATCH");
    let Some(body) = operation.body.as_ref().filter(|_| is_stored && !subject().profile.may_alter) else {
        return Ok(());
    };
    let Ok(sent) = serde_json::from_slice::<Value>(&request.body) else { return Ok(()) };
    let Ok(answered) = serde_json::from_slice::<Value>(&response.body) else { return Ok(()) };
    // A list in response to a search is not an echo of the request.
    if sent.is_object() != answered.is_object() {
        return Ok(());
    }
    let schemas = [body, operation.response_schema(&response.status.to_string())];
    match changed(operation.schemas(), schemas, "", &sent, &answered) {
        Some((path, value)) => Err(format!("`{path}` as it was sent: {value}")),
        None => Ok(()),
    }
}

/// The first part of `sent` that both schemas know and that is another in `answered`.
fn changed(
    document: &Value,
    schemas: [&Value; 2],
    path: &str,
    sent: &Value,
    answered: &Value,
) -> Option<(String, Value)> {
    let schemas = schemas.map(|schema| resolve(document, schema));
    let is_same = match (sent, answered) {
        (Value::Object(sent), Value::Object(_)) => {
            let mut fields = sent.iter().filter(|(_, value)| !value.is_null());
            return fields.find_map(|(name, value)| {
                let [read, shown] = schemas.map(|schema| schema["properties"].get(name));
                // A moment can be written in several ways.
                if resolve(document, read?)["format"] == "date-time" {
                    return None;
                }
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                changed(document, [read?, shown?], &path, value, &answered[name.as_str()])
            });
        }
        (Value::Array(sent), Value::Array(answered)) if sent.len() == answered.len() => {
            let items = schemas.map(|schema| &schema["items"]);
            return sent.iter().zip(answered).enumerate().find_map(|(index, (sent, answered))| {
                changed(document, items, &format!("{path}[{index}]"), sent, answered)
            });
        }
        _ => sent == answered || sent.as_f64().is_some_and(|number| answered.as_f64() == Some(number)),
    };
    (!is_same).then(|| (path.to_owned(), sent.clone()))
}

/// A response without content has no body and says nothing about one.
fn judge_absence(response: &Response) -> Result<(), String> {
    if !response.body.is_empty() {
        return Err(format!("{} without a body", response.status));
    }
    match response.header("Content-Type") {
        Some(_) => Err(format!("{} without the header Content-Type", response.status)),
        None => Ok(()),
    }
}

/// The body fits its schema, has its fields in their order, and its text is one of this very status.
fn judge_body(documented: &Documented, response: &Response) -> Result<(), String> {
    let media_type = response.header("Content-Type").unwrap_or_default();
    // A body that is not JSON has no schema to validate it.
    let Some(validator) = documented.validator(media_type) else { return Ok(()) };
    let profile = &subject().profile;
    let Ok(body) = serde_json::from_slice(&response.body) else { return Err("a JSON body".into()) };
    let known = if is_free(response) { with_known_text(documented, &body) } else { Cow::Borrowed(&body) };
    if let Some(error) = validator.iter_errors(&known).next() {
        return Err(format!("a body that fits its schema ({error}, at `{}`)", error.instance_path()));
    }
    if let Some(object) = body.as_object().filter(|_| profile.fields_in_order) {
        let in_order: Vec<&String> =
            documented.fields.iter().filter(|field| object.contains_key(*field)).collect();
        if !object.keys().eq(in_order) {
            return Err(format!("the fields {}, in this order", documented.fields.join(", ")));
        }
    }
    let invalid = profile.response(Situation::Invalid).and_then(|exact| exact.text.as_deref());
    if let Some(invalid) = invalid.filter(|_| profile.details)
        && body.get("detail").is_some()
        && body["error"] != invalid
    {
        return Err(format!("a detail with `{invalid}` only"));
    }
    if !is_free(response)
        && !documented.texts.is_empty()
        && !response.error().is_some_and(|text| documented.texts.contains(&text))
    {
        return Err(format!("{} with `{}`", response.status, documented.texts.join("` or `")));
    }
    Ok(())
}

/// Whether it is an error that callers handle by its status class.
fn is_free(response: &Response) -> bool {
    response.status >= 400 && subject().profile.undocumented_errors
}

/// A body with a text that the document has in the place of another one, so that the rest of it can be judged.
fn with_known_text<'a>(documented: &Documented, body: &'a Value) -> Cow<'a, Value> {
    match documented.messages.first() {
        Some(known) if body["error"].is_string() => {
            let mut body = body.clone();
            body["error"] = known.clone();
            Cow::Owned(body)
        }
        _ => Cow::Borrowed(body),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::made_up;

    fn response(status: u16, headers: &[(&str, &str)], body: &Value) -> Response {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        Response { status, headers, body }
    }

    #[test]
    fn a_response_without_content_has_no_body_and_no_type() {
        let document = made_up::document();
        let delete = document.find("DELETE", "/parcels/a-1/lines/2").unwrap();
        let request = Request::new("products", "DELETE", "/parcels/a-1/lines/2");
        let judged = |response: &Response| judge(delete, &request, response, true);
        assert_eq!(judged(&response(204, &[], &Value::Null)), Ok(()));
        assert!(judged(&response(204, &[], &json!({}))).is_err());
        assert!(judged(&response(204, &[("Content-Type", "application/json")], &Value::Null)).is_err());
    }

    #[test]
    fn every_part_that_was_sent_must_come_back() {
        let document = made_up::document();
        let replace = document.find("PUT", "/parcels/a-1").unwrap();
        let request = Request::new("products", "PUT", "/parcels/a-1").json(&made_up::parcel());
        let judged = |change: fn(&mut Value)| {
            let mut body = made_up::parcel();
            change(&mut body);
            judge(replace, &request, &response(200, &[("Content-Type", "application/json")], &body), true)
        };
        assert_eq!(judged(|_| {}), Ok(()));
        let says = |part: &str| Err(format!("`{part}` as it was sent: {}", made_up::at(part)));
        assert_eq!(judged(|body| body["address"]["city"] = "Basel".into()), says("address.city"));
        assert_eq!(judged(|body| body["lines"][0]["quantity"] = 2.into()), says("lines[0].quantity"));
        assert_eq!(judged(|body| drop(body.as_object_mut().unwrap().shift_remove("note"))), says("note"));
    }
}

//! Seeds a stub with the data in the examples of the documents.
//!
//! The example of a read shows a resource, and an example of the same name has its path. The POST at the parent of that path
//! creates the resource, or else a PUT at the path itself. So a new service is seeded as soon as its document has examples.

use std::time::Duration;

use chassis::settings::{StartupError, Token};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Map, Value};

use crate::{http, member::Member};

/// How long a service may take to respond.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Something that a service holds.
pub(super) struct Seeded {
    pub(super) service: &'static str,
    /// Where it is read.
    pub(super) path: String,
}

/// A thing that a document shows.
struct Thing {
    path: String,
    /// How it is created: a method and a path.
    create: (Method, String),
    /// What it is created from.
    body: Value,
    /// Whether it can be replaced.
    is_replaceable: bool,
    shown: Value,
}

/// Where a service is, and how it is called.
struct Caller<'a> {
    http: Client,
    url: &'a str,
    token: &'a Token,
}

/// Creates what the documents of these services show, and looks whether it is there as shown.
///
/// # Errors
/// It cannot be created, or a read returns something else.
pub(super) async fn seed(services: &[(&Member, String, &Token)]) -> Result<Vec<Seeded>, StartupError> {
    let http = http::client(TIMEOUT).build().map_err(|error| unseeded(error.to_string()))?;
    let mut all = Vec::new();
    for (member, url, token) in services {
        let document = (member.document)().value();
        let caller = Caller { http: http.clone(), url, token };
        for thing in things(&document) {
            let (method, path) = &thing.create;
            caller.expect(method.clone(), path, Some(&thing.body)).await?;
            all.push((member.info.name, caller.with_url(), thing));
        }
    }
    // Only now, since what was created later may have changed what was before.
    let mut seeded = Vec::new();
    for (service, caller, thing) in all {
        if thing.is_replaceable && caller.expect(Method::GET, &thing.path, None).await? != thing.shown {
            caller.expect(Method::PUT, &thing.path, Some(&thing.body)).await?;
        }
        let read = caller.expect(Method::GET, &thing.path, None).await?;
        if read != thing.shown {
            let (path, shown) = (&thing.path, &thing.shown);
            return Err(unseeded(format!("{service} has {read} at {path}, and its document shows {shown}")));
        }
        seeded.push(Seeded { service, path: thing.path });
    }
    Ok(seeded)
}

/// The resources in the examples of a document that can be read and created.
fn things(document: &Value) -> Vec<Thing> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.filter_map(|(template, path)| thing(document, template, path)).collect()
}

fn thing(document: &Value, template: &str, path: &Value) -> Option<Thing> {
    let examples = path["get"]["responses"]["200"]["content"]["application/json"]["examples"].as_object()?;
    let (name, example) = examples.iter().next()?;
    let mut filled = template.to_owned();
    for parameter in path["get"]["parameters"].as_array()?.iter().filter(|one| one["in"] == "path") {
        let value = &parameter["examples"].get(name)?["value"];
        let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        filled = filled.replace(&format!("{{{}}}", parameter["name"].as_str()?), &text);
    }
    // A list is what is in it.
    if filled == template {
        return None;
    }
    let (parent, _) = filled.rsplit_once('/')?;
    let post = &document["paths"][template.rsplit_once('/')?.0]["post"];
    let (create, operation) = match post.is_object() {
        true => ((Method::POST, parent.to_owned()), post),
        false => ((Method::PUT, filled.clone()), &path["put"]),
    };
    let shown = example["value"].clone();
    Some(Thing {
        body: sendable(document, operation, &shown)?,
        is_replaceable: path["put"]["responses"]["201"].is_null() && path["put"].is_object(),
        path: filled,
        create,
        shown,
    })
}

/// The fields of `shown` that the operation takes.
fn sendable(document: &Value, operation: &Value, shown: &Value) -> Option<Value> {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let schema = match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.strip_prefix('#')?)?,
        None => schema,
    };
    let taken = |(name, value): (&String, &Value)| {
        schema["properties"].get(name).map(|_| (name.clone(), value.clone()))
    };
    Some(Value::Object(shown.as_object()?.iter().filter_map(taken).collect::<Map<_, _>>()))
}

impl<'a> Caller<'a> {
    fn with_url(&self) -> Caller<'a> {
        Caller { http: self.http.clone(), ..*self }
    }

    /// The body of a success.
    async fn expect(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, StartupError> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.url));
        request = request.bearer_auth(self.token.expose());
        if let Some(body) = body {
            request = request.json(body);
        }
        let failed = |error: reqwest::Error| unseeded(format!("{method} {path} failed: {error}"));
        let response = request.send().await.map_err(failed)?;
        let status: StatusCode = response.status();
        let text = response.text().await.map_err(failed)?;
        match status.is_success() {
            true if text.is_empty() => Ok(Value::Null),
            true => serde_json::from_str(&text)
                .map_err(|error| unseeded(format!("the body of {method} {path} is not JSON: {error}"))),
            false => Err(unseeded(format!("{method} {path} returned {status}: {text}"))),
        }
    }
}

fn unseeded(why: String) -> StartupError {
    StartupError::new(format!("the stub cannot be filled with the examples of the documents: {why}."))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::MEMBERS;

    #[test]
    fn every_service_has_something_to_hold() {
        let shown = MEMBERS.iter().flat_map(|member| {
            let document = serde_json::from_slice(&(member.document)().json()).unwrap();
            things(&document)
        });
        let shown: Vec<(String, String, Value)> =
            shown.map(|thing| (thing.create.0.to_string(), thing.path, thing.body)).collect();
        let expect = |method: &str, path: &str, body: Value| (method.to_owned(), path.to_owned(), body);
        for expected in [
            expect("POST", "/products/1", json!({ "name": "Computer", "price": 200, "stock": 20 })),
            expect("PUT", "/products/1/reservations/basket-1", json!({ "quantity": 3 })),
            expect("POST", "/orders/1", json!({ "product_id": 1, "quantity": 3 })),
            expect("POST", "/payments/1", json!({ "order_id": 1, "amount": 600, "method": "bank-transfer" })),
        ] {
            assert!(shown.contains(&expected), "{expected:?} is not in {shown:?}");
        }
    }
}

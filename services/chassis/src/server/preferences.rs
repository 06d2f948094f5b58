//! Example responses on request (RFC 7240): `Prefer: code=404`, `Prefer: example=NAME`, or both, with the preferences of Prism.
//!
//! This is off by default, since it lets callers choose their response. All responses are the recorded examples of the document, so
//! a consumer can try each documented error without provoking it.

use bytes::Bytes;
use poem::{
    Response,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode},
};
use serde_json::Value;

use crate::{
    api::document::Document,
    error::{ApiError, ErrorMessage},
    wire::json,
};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// A preference for what the document does not have.
const UNDOCUMENTED: ErrorMessage = ErrorMessage::new(StatusCode::BAD_REQUEST, "Undocumented preference");

/// The examples that a document has of the responses of each operation.
pub(super) struct Examples(Vec<Operation>);

struct Operation {
    id: String,
    method: String,
    template: String,
    examples: Vec<Example>,
}

/// An example of a response.
struct Example {
    status: StatusCode,
    /// Empty if there is nothing in the response that could have an example.
    name: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<Bytes>,
}

impl Examples {
    /// Those in `document`.
    pub(super) fn of(document: &Document) -> Self {
        let document = document.value();
        let none = serde_json::Map::new();
        let paths = document["paths"].as_object().unwrap_or(&none).iter();
        let operations = paths.flat_map(|(template, path)| {
            let operations = path.as_object().into_iter().flatten();
            operations.map(move |(method, operation)| Operation::read(method, template, operation))
        });
        Self(operations.collect())
    }

    /// The response that `headers` ask for, if they ask for one.
    ///
    /// # Errors
    /// The operation has no such response. The error says which ones it has.
    pub(super) fn preferred(
        &self,
        method: &Method,
        template: &str,
        headers: &HeaderMap,
    ) -> Option<Result<Response, ApiError>> {
        let preference = Preference::read(headers)?;
        // A response to HEAD is one to GET without its body, which hyper leaves away.
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let is_asked = |one: &&Operation| one.template == template && one.method == method.as_str();
        let operation = self.0.iter().find(is_asked)?;
        let example = operation.examples.iter().find(|example| preference.is_met_by(example));
        Some(match example {
            Some(example) => Ok(example.response(&preference)),
            None => {
                let (preference, id, known) = (preference.text(), &operation.id, operation.known());
                Err(UNDOCUMENTED.with_detail(format!("{id} has no {preference}; it has {known}")))
            }
        })
    }
}

impl Operation {
    fn read(method: &str, template: &str, declaration: &Value) -> Self {
        let responses = declaration["responses"].as_object().into_iter().flatten();
        let examples = responses.flat_map(|(status, response)| Example::all(status, response));
        Self {
            id: declaration["operationId"].as_str().unwrap_or_default().to_owned(),
            method: method.to_uppercase(),
            template: template.to_owned(),
            examples: examples.collect(),
        }
    }

    /// `code=200 example=one, code=404 example=other`
    fn known(&self) -> String {
        let known = self.examples.iter().map(|example| match example.name.as_str() {
            "" => format!("code={}", example.status.as_str()),
            name => format!("code={} example={name}", example.status.as_str()),
        });
        known.collect::<Vec<_>>().join(", ")
    }
}

impl Example {
    /// The examples of a response.
    fn all(status: &str, response: &Value) -> Vec<Self> {
        let Ok(status) = status.parse::<StatusCode>() else { return Vec::new() };
        let bodies = &response["content"][json::CONTENT_TYPE]["examples"];
        let headers = || response["headers"].as_object().into_iter().flatten();
        let names = |examples: &Value| -> Vec<String> {
            examples.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
        };
        let mut all = names(bodies);
        if all.is_empty() {
            all = headers()
                .find_map(|(_, header)| Some(names(&header["examples"])).filter(|it| !it.is_empty()))
                .unwrap_or_default();
        }
        if all.is_empty() {
            all.push(String::new());
        }
        let example = |name: String| {
            let headers = headers().filter_map(|(header, described)| {
                let examples = &described["examples"];
                // One that every such response has is there, even if it was recorded with another one.
                let any = || examples.as_object().filter(|_| described["required"] == true)?.values().next();
                let value = &examples.get(&name).or_else(any)?["value"];
                let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
                Some((header.parse().ok()?, text.parse().ok()?))
            });
            let body = bodies.get(&name).map(|example| example["value"].to_string().into());
            Self { status, headers: headers.collect(), body, name: name.clone() }
        };
        all.into_iter().map(example).collect()
    }

    fn response(&self, preference: &Preference) -> Response {
        let mut response = match &self.body {
            Some(body) => json::bytes_response(self.status, body.clone().into()),
            None => Response::builder().status(self.status).finish(),
        };
        response.headers_mut().extend(self.headers.iter().cloned());
        // What is applied is what was asked for and is in the document, so it fits into a header.
        if let Ok(applied) = HeaderValue::try_from(preference.text()) {
            response.headers_mut().insert(PREFERENCE_APPLIED, applied);
        }
        response
    }
}

/// A preference for a response.
#[derive(Debug, Default, PartialEq)]
struct Preference {
    code: Option<String>,
    example: Option<String>,
}

impl Preference {
    /// The first of each kind counts (RFC 7240, section 2), and other preferences are none of ours.
    fn read(headers: &HeaderMap) -> Option<Self> {
        let mut preference = Self::default();
        for value in headers.get_all(PREFER) {
            let text = String::from_utf8_lossy(value.as_bytes());
            for one in split(&text, ',') {
                let Some((name, word)) = split(one, ';').next().and_then(|one| one.split_once('=')) else {
                    continue;
                };
                let kind = match name.trim().to_ascii_lowercase().as_str() {
                    "code" => &mut preference.code,
                    "example" => &mut preference.example,
                    _ => continue,
                };
                kind.get_or_insert_with(|| word.trim().trim_matches('"').to_owned());
            }
        }
        (preference != Self::default()).then_some(preference)
    }

    fn is_met_by(&self, example: &Example) -> bool {
        self.code.as_ref().is_none_or(|code| code == example.status.as_str())
            && self.example.as_ref().is_none_or(|name| *name == example.name)
    }

    /// `code=404, example=one`
    fn text(&self) -> String {
        let code = self.code.iter().map(|code| format!("code={code}"));
        let example = self.example.iter().map(|name| format!("example={name}"));
        code.chain(example).collect::<Vec<_>>().join(", ")
    }
}

/// The parts of `text`, which has `separator` between them and possibly in quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    text.split(move |letter| {
        is_quoted ^= letter == '"';
        letter == separator && !is_quoted
    })
}

#[cfg(test)]
mod tests {
    use poem::http::header;
    use serde_json::json;

    use super::*;

    fn read(values: &[&str]) -> Option<(Option<String>, Option<String>)> {
        let values = values.iter().map(|value| (PREFER, HeaderValue::from_str(value).unwrap()));
        Preference::read(&values.collect()).map(|preference| (preference.code, preference.example))
    }

    #[test]
    fn a_preference_is_read_as_rfc_7240_writes_it() {
        let both = |code: &str, example: &str| {
            let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            Some((some(code), some(example)))
        };
        for (values, expected) in [
            (&["code=404"][..], both("404", "")),
            (&["example=one"], both("", "one")),
            (&["code=404, example=one"], both("404", "one")),
            (&["Code = 404", "EXAMPLE=\"a, b; c\""], both("404", "a, b; c")),
            (&["respond-async, code=404; strict=\"a,b\", wait=10"], both("404", "")),
            (&["code=404, code=500", "code=503"], both("404", "")),
            (&["return=minimal"], None),
            (&["code"], None),
            (&[""], None),
            (&[], None),
        ] {
            assert_eq!(read(values), expected, "{values:?}");
        }
    }

    #[test]
    fn a_response_has_the_headers_that_belong_to_it() {
        let response = json!({
            "content": { "application/json": { "examples": {
                "first": { "value": { "id": 1 } },
                "again": { "value": { "id": 1 } },
            } } },
            "headers": {
                "Location": { "required": true, "examples": { "first": { "value": "/things/1" } } },
                "Idempotency-Replayed": { "required": false, "examples": { "again": { "value": "true" } } },
            },
        });
        let examples = Example::all("201", &response);
        let has = |name: &str, header: &str| {
            let example = examples.iter().find(|example| example.name == name).unwrap();
            example.headers.iter().any(|(known, _)| known == header)
        };
        assert!(has("first", "location") && has("again", "location"));
        assert!(has("again", "idempotency-replayed") && !has("first", "idempotency-replayed"));
    }

    #[test]
    fn a_response_without_a_body_has_the_examples_of_its_headers() {
        let tagged = json!({ "headers": { "ETag": { "examples": { "same": { "value": "\"1\"" } } } } });
        let [example] = &Example::all("304", &tagged)[..] else { panic!("one example") };
        assert_eq!((example.name.as_str(), example.body.is_none()), ("same", true));
        assert_eq!(example.headers, [(header::ETAG, HeaderValue::from_static("\"1\""))]);
        assert_eq!(Example::all("204", &json!({}))[0].name, "");
        assert!(Example::all("4XX", &json!({})).is_empty());
    }
}

//! The data of a stub, and the examples that a caller can request.

use std::collections::BTreeSet;

use contract_tests::engine::{
    contract::{CONTRACT, Operation},
    exchange::{RESPONSE_TIMEOUT, Request, http_client, written},
};
use serde_json::{Map, Value};

use crate::Stub;

#[test]
fn each_thing_is_read_as_the_document_shows_it() {
    let stub = Stub::start(&[]);
    let session = stub.session();
    let mut count = 0;
    for operation in CONTRACT.operations().filter(|operation| operation.method == "GET") {
        let (name, shown) = examples(operation, "200").next().unwrap();
        // What a filter finds, the stub need not have.
        let has_example = |parameter: &&Value| !parameter["examples"][name].is_null();
        if operation.parameters().filter(has_example).any(|parameter| parameter["in"] == "query") {
            continue;
        }
        let path = path(operation, name);
        let response = session.expect(&session.request(operation.service, "GET", path), 200, None).unwrap();
        assert_eq!(&response.json(), shown, "{}", operation.id);
        count += 1;
    }
    assert!(count >= 5, "{count}");
}

#[test]
fn a_caller_can_ask_for_every_status_and_every_text_of_the_documents() {
    let stub = Stub::start(&[]);
    let session = stub.session();
    for operation in CONTRACT.operations() {
        // Neither a token nor a body: only the preference counts.
        let any = operation.path_with(|parameter| shown(operation, parameter)?.values().next().map(value));
        let request = Request::new(operation.service, &operation.method, any);
        let prefer = |preference: &str| {
            let response = session.send(&request.clone().header("Prefer", preference)).unwrap();
            assert_eq!(response.header("Preference-Applied"), Some(preference), "{response}");
            response
        };
        for (status, documented) in &operation.responses {
            assert_eq!(prefer(&format!("code={status}")).status, *status);
            let mut texts = BTreeSet::new();
            for (name, body) in examples(operation, &status.to_string()) {
                let response = prefer(&format!("code={status}, example={name}"));
                assert_eq!((response.status, &response.json()), (*status, body), "{}: {name}", operation.id);
                texts.extend(response.error().filter(|_| *status >= 400));
            }
            assert_eq!(
                texts,
                BTreeSet::from_iter(documented.texts.iter().cloned()),
                "{} {status}",
                operation.id
            );
        }
        let unavailable = prefer("code=503");
        assert_eq!(unavailable.header("Retry-After"), Some("1"), "{unavailable}");
    }
}

#[test]
fn an_undocumented_preference_is_refused_with_the_documented_ones() {
    let stub = Stub::start(&["products"]);
    let get = |preference: &str| {
        let url = format!("{}/products/1", stub.url("products"));
        let response = http_client(RESPONSE_TIMEOUT).get(url).header("Prefer", preference).send().unwrap();
        (response.status().as_u16(), response.json::<Value>().unwrap())
    };
    for (preference, told) in [
        ("code=418", "get_product has no code=418; it has code=200 example=it_can_be_read, code=304"),
        ("example=\"teapot\"", "get_product has no example=teapot; it has"),
        ("code=404, example=it_can_be_read", "get_product has no code=404, example=it_can_be_read; it has"),
    ] {
        let (status, body) = get(preference);
        assert_eq!((status, &body["error"]), (400, &"Undocumented preference".into()));
        assert!(body["detail"].as_str().is_some_and(|detail| detail.starts_with(told)), "{body}");
    }
    // Others are none of a stub's, which RFC 7240 lets it ignore.
    assert_eq!(get("respond-async, wait=10").0, 401);
}

#[test]
fn pages_of_any_origin_may_call_with_a_preference() {
    let stub = Stub::start(&["products"]);
    let url = format!("{}/products/1", stub.url("products"));
    let http = http_client(RESPONSE_TIMEOUT);
    let preflight =
        http.request(reqwest::Method::OPTIONS, &url).header("Access-Control-Request-Method", "GET");
    for (request, name, value) in [
        (preflight, "access-control-allow-headers", "prefer"),
        (http.get(&url).header("Prefer", "code=404"), "access-control-expose-headers", "preference-applied"),
    ] {
        let headers = request.header("Origin", "http://shop.example").send().unwrap().headers().clone();
        assert_eq!(headers["access-control-allow-origin"], "*");
        assert!(headers[name].to_str().unwrap().split(", ").any(|known| known == value), "{headers:?}");
    }
}

/// The path of the example called `name`.
fn path(operation: &Operation, name: &str) -> String {
    operation.path_with(|parameter| shown(operation, parameter)?.get(name).map(value))
}

/// The examples of a parameter, by their names.
fn shown<'a>(operation: &'a Operation, parameter: &str) -> Option<&'a Map<String, Value>> {
    operation.parameters().find(|one| one["name"] == parameter)?["examples"].as_object()
}

/// The value of an example of a parameter, as it stands in a path.
fn value(example: &Value) -> String {
    written(&example["value"])
}

/// The examples of a response, with their names.
fn examples<'a>(operation: &'a Operation, status: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let examples = &operation.declaration()["responses"][status]["content"]["application/json"]["examples"];
    let examples = examples.as_object().into_iter().flatten();
    examples.map(|(name, example)| (name.as_str(), &example["value"]))
}

//! The verdicts of the gate, change by change, beside those of two other tools.
//!
//! What drift says is asked of drift itself. What oasdiff says follows from the severity law in its repository
//! (`checker/SEVERITY-LAW-TRIAGE.md`): what narrows a request or widens a response is an error, what cannot be decided a warning.

use std::{env, fs, panic};

use drift::{ChangeClass, compare};
use serde_json::{Value, json};

use super::*;
use crate::engine::{contract::CONTRACT, deployment::folder};

/// A change of the products document.
struct Row {
    name: &'static str,
    change: fn(&mut Value),
    /// Words that the verdict has, if it is that callers break.
    breaks: Option<&'static str>,
    /// What drift says: the worst class of its changes.
    drift: &'static str,
    /// What oasdiff says.
    oasdiff: &'static str,
}

const ROWS: &[Row] = &[
    row("a description changes", |new| at(new, LIST)["summary"] = "All".into(), None, "", "info"),
    row("an example changes", |new| at(new, NEW_PRODUCT)["example"] = json!({}), None, "trivial", "info"),
    row("a server is added", |new| push(at(new, "/servers"), json!({ "url": "http://a" })), None, "", "info"),
    // Operations.
    row(
        "an operation is new",
        |new| new["paths"]["/more"] = json!({ "get": { "operationId": "more", "responses": {} } }),
        None,
        "forward",
        "info",
    ),
    row(
        "an operation is gone",
        |new| remove(at(new, "/paths/~1products~1{id}"), "get"),
        Some("get_product: GET /products/{id} is gone (breaks … orders: services/orders/src/products.rs"),
        "backward",
        "error",
    ),
    row(
        "an operation has another id",
        |new| at(new, LIST)["operationId"] = "all".into(),
        Some("list_products: the operation is called `all` in place of `list_products`"),
        "",
        "info",
    ),
    row(
        "a parameter of a path has another name",
        |new| {
            let mut path = new["paths"]["/products/{id}"].take();
            remove(&mut new["paths"], "/products/{id}");
            for operation in path.as_object_mut().unwrap().values_mut() {
                operation["parameters"]
                    .as_array_mut()
                    .unwrap()
                    .iter_mut()
                    .filter(|one| one["name"] == "id")
                    .for_each(|one| one["name"] = "product_id".into());
            }
            new["paths"]["/products/{product_id}"] = path;
        },
        None,
        "",
        "info",
    ),
    row(
        "an operation needs no token",
        |new| remove(at(new, LIST), "security"),
        Some("list_products: the security was"),
        "",
        "error",
    ),
    row(
        "an operation may be called with another token",
        |new| at(new, LIST)["security"] = json!([{ "bearer": [] }, { "basic": [] }]),
        Some("the security was"),
        "",
        "info",
    ),
    // Parameters.
    row(
        "an optional parameter is new",
        |new| {
            push(
                at(new, GET_PARAMETERS),
                json!({ "name": "X-More", "in": "header", "schema": { "type": "string" } }),
            )
        },
        None,
        "forward",
        "info",
    ),
    row(
        "a required parameter is new",
        |new| {
            push(
                at(new, GET_PARAMETERS),
                json!({ "name": "X-More", "in": "header", "required": true, "schema": { "type": "string" } }),
            )
        },
        Some("get_product: the required header `X-More` is new (breaks … orders:"),
        "backward",
        "error",
    ),
    row(
        "a parameter is gone",
        |new| drop(at(new, LIST_PARAMETERS).as_array_mut().unwrap().remove(0)),
        Some("list_products: the query parameter `limit` is no longer read"),
        "backward",
        "warning",
    ),
    row(
        "a parameter becomes required",
        |new| at(new, LIST_PARAMETERS)[0]["required"] = true.into(),
        Some("the query parameter `limit` became required"),
        "backward",
        "error",
    ),
    row(
        "a parameter takes less",
        |new| at(new, LIST_PARAMETERS)[0]["schema"]["maximum"] = 10.into(),
        Some("the query parameter `limit`: `maximum` was 1000 and is 10"),
        "unhandled",
        "error",
    ),
    row(
        "a parameter takes more",
        |new| at(new, LIST_PARAMETERS)[0]["schema"]["maximum"] = 2000.into(),
        None,
        "unhandled",
        "info",
    ),
    // Requests.
    row(
        "an optional field of a request is new",
        |new| at(new, NEW_PRODUCT)["properties"]["colour"] = json!({ "type": "string" }),
        None,
        "unhandled",
        "info",
    ),
    row(
        "a required field of a request is new",
        |new| {
            at(new, NEW_PRODUCT)["properties"]["colour"] = json!({ "type": "string" });
            push(&mut at(new, NEW_PRODUCT)["required"], "colour".into());
        },
        Some(
            "create_product: the body: the required field `colour` is new (breaks client: client/src/console/store.rs",
        ),
        "unhandled",
        "error",
    ),
    row(
        "a field of a request becomes optional",
        |new| at(new, NEW_PRODUCT)["required"] = json!(["name", "price"]),
        None,
        "unhandled",
        "info",
    ),
    row(
        "a field of a request is gone",
        |new| {
            remove(&mut at(new, NEW_PRODUCT)["properties"], "stock");
            at(new, NEW_PRODUCT)["required"] = json!(["name", "price"]);
        },
        Some("the body: the field `stock` is gone"),
        "unhandled",
        "warning",
    ),
    row(
        "a field of a request has another name",
        |new| rename(at(new, NEW_PRODUCT), "stock", "amount"),
        Some("the body: the field `stock` was renamed to `amount`"),
        "unhandled",
        "error",
    ),
    row(
        "a text of a request may be shorter only",
        |new| at(new, NEW_PRODUCT)["properties"]["name"]["maxLength"] = 100.into(),
        Some("the body `name`: `maxLength` was 200 and is 100"),
        "unhandled",
        "error",
    ),
    row(
        "a text of a request has to fit a pattern",
        |new| at(new, NEW_PRODUCT)["properties"]["name"]["pattern"] = "^[a-z]+$".into(),
        Some("the body `name`: `pattern` was null and is \"^[a-z]+$\""),
        "unhandled",
        "error",
    ),
    row(
        "a text of a request may be longer",
        |new| at(new, NEW_PRODUCT)["properties"]["name"]["maxLength"] = 300.into(),
        None,
        "unhandled",
        "info",
    ),
    row(
        "other fields of a request are refused",
        |new| at(new, NEW_PRODUCT)["additionalProperties"] = false.into(),
        Some("the body: other fields are no longer allowed"),
        "unhandled",
        "error",
    ),
    row(
        "an integer of a request may have a fraction",
        |new| at(new, NEW_PRODUCT)["properties"]["stock"]["type"] = "number".into(),
        None,
        "incompatible",
        "info",
    ),
    // Responses.
    row(
        "an optional field of a response is new",
        |new| at(new, PRODUCT)["properties"]["colour"] = json!({ "type": "string" }),
        None,
        "unhandled",
        "info",
    ),
    row(
        "a field of a response that is always there is new",
        |new| {
            at(new, PRODUCT)["properties"]["colour"] = json!({ "type": "string" });
            push(&mut at(new, PRODUCT)["required"], "colour".into());
        },
        None,
        "unhandled",
        "info",
    ),
    row(
        "a field of a response is gone",
        |new| {
            remove(&mut at(new, PRODUCT)["properties"], "stock");
            at(new, PRODUCT)["required"] = json!(["id", "name", "price"]);
        },
        Some(
            "get_product: the 200 response: the field `stock` is gone (breaks … orders: services/orders/src/products.rs",
        ),
        "unhandled",
        "error",
    ),
    row(
        "a field of a response has another name",
        |new| rename(at(new, PRODUCT), "stock", "available"),
        Some("get_product: the 200 response: the field `stock` was renamed to `available` (breaks … orders:"),
        "unhandled",
        "error",
    ),
    row(
        "a field of a response becomes optional",
        |new| at(new, PRODUCT)["required"] = json!(["id", "name", "price"]),
        Some("the 200 response: the field `stock` became optional"),
        "unhandled",
        "error",
    ),
    row(
        "a field of a response has another type",
        |new| at(new, PRODUCT)["properties"]["stock"]["type"] = "string".into(),
        Some("the 200 response `stock`: `type` was \"integer\" and is \"string\""),
        "incompatible",
        "error",
    ),
    row(
        "an integer of a response may have a fraction",
        |new| at(new, PRODUCT)["properties"]["stock"]["type"] = "number".into(),
        Some("the 200 response `stock`: `type` was \"integer\" and is \"number\""),
        "incompatible",
        "error",
    ),
    row(
        "a field of a response may be null",
        |new| at(new, PRODUCT)["properties"]["stock"]["nullable"] = true.into(),
        Some("the 200 response `stock` may now be null"),
        "",
        "error",
    ),
    row(
        "a number of a response may be larger",
        |new| at(new, PRODUCT)["properties"]["price"]["maximum"] = json!(1e15),
        Some("the 200 response `price`: `maximum` was"),
        "unhandled",
        "error",
    ),
    row(
        "a number of a response is smaller",
        |new| at(new, PRODUCT)["properties"]["price"]["maximum"] = 1000.into(),
        None,
        "unhandled",
        "info",
    ),
    row(
        "a success is gone",
        |new| remove(&mut at(new, LIST)["responses"], "200"),
        Some("list_products: 200 is never answered any more"),
        "forward",
        "error",
    ),
    row(
        "another success is new",
        |new| at(new, LIST)["responses"]["202"] = at(new, LIST)["responses"]["200"].clone(),
        Some("list_products: 202 may be answered now"),
        "backward",
        "info",
    ),
    row(
        "another error status is new",
        |new| at(new, CREATE)["responses"]["418"] = at(new, CREATE)["responses"]["415"].clone(),
        None,
        "backward",
        "info",
    ),
    row(
        "an error status is gone",
        |new| remove(&mut at(new, CREATE)["responses"], "415"),
        None,
        "forward",
        "info",
    ),
    row(
        "the items of a list change",
        |new| {
            at(new, LIST)["responses"]["200"]["content"]["application/json"]["schema"]["items"] =
                json!({ "type": "string" })
        },
        Some("the 200 response[]: `type` was \"object\" and is \"string\""),
        "incompatible trivial",
        "error",
    ),
    row(
        "a response has another media type",
        |new| {
            let content = &mut at(new, LIST)["responses"]["200"]["content"];
            content["application/hal+json"] = content["application/json"].take();
            remove(content, "application/json");
        },
        Some("the 200 response is never `application/json` any more"),
        "panics",
        "error",
    ),
    row(
        "a header of a response is gone",
        |new| remove(&mut at(new, CREATE)["responses"]["201"]["headers"], "Location"),
        Some("create_product: the 201 response: the header `Location` is gone"),
        "",
        "error",
    ),
    row(
        "a header of a response is new",
        |new| {
            at(new, CREATE)["responses"]["201"]["headers"]["Age"] = json!({ "schema": { "type": "string" } })
        },
        None,
        "",
        "info",
    ),
    // Error messages.
    row(
        "an error message is new",
        |new| push(&mut at(new, MESSAGE)["enum"], "Gone".into()),
        None,
        "unhandled",
        "warning",
    ),
    row(
        "an error message changes",
        |new| at(new, MESSAGE)["enum"][3] = "No such product".into(),
        Some("became \"No such product\""),
        "unhandled",
        "warning",
    ),
    row(
        "an error message is gone",
        |new| drop(at(new, MESSAGE)["enum"].as_array_mut().unwrap().remove(3)),
        Some("get_product: the error is never"),
        "unhandled",
        "info",
    ),
];

const LIST: &str = "/paths/~1products/get";
const LIST_PARAMETERS: &str = "/paths/~1products/get/parameters";
const GET_PARAMETERS: &str = "/paths/~1products~1{id}/get/parameters";
const CREATE: &str = "/paths/~1products/post";
const PRODUCT: &str = "/components/schemas/Product";
const NEW_PRODUCT: &str = "/components/schemas/NewProduct";
const MESSAGE: &str = "/components/schemas/GetProductErrorMessage";

const fn row(
    name: &'static str,
    change: fn(&mut Value),
    breaks: Option<&'static str>,
    drift: &'static str,
    oasdiff: &'static str,
) -> Row {
    Row { name, change, breaks, drift, oasdiff }
}

#[test]
fn every_change_has_its_verdict_and_words() {
    let old = &CONTRACT.document("products").json;
    for Row { name, change, breaks: expected, .. } in ROWS {
        let mut new = old.clone();
        change(&mut new);
        assert_ne!(*old, new, "{name}: nothing changed");
        let found = breaks("products", old, &new);
        match expected {
            None => assert_eq!(found, [""; 0], "{name}"),
            Some(words) => {
                let has_all = |line: &String| words.split(" … ").all(|part| line.contains(part));
                assert!(found.iter().any(has_all), "{name}: {found:#?}");
            }
        }
    }
    assert!(ROWS.len() >= 30);
}

#[test]
fn the_verdicts_of_drift_are_those_of_the_table() {
    let old = &CONTRACT.document("products").json;
    let mut differ = Vec::new();
    for Row { name, change, drift, .. } in ROWS {
        let mut new = old.clone();
        change(&mut new);
        let Ok(changes) = panic::catch_unwind(|| compare(old, &new).unwrap()) else {
            differ.extend(
                (*drift != "panics").then(|| format!("{name}: {drift:?} in the table, \"panics\" in truth")),
            );
            continue;
        };
        let classes = changes.into_iter().flat_map(|change| change.changes);
        let rank = |class: &ChangeClass| match class {
            ChangeClass::Trivial => "trivial",
            ChangeClass::ForwardIncompatible => "forward",
            ChangeClass::BackwardIncompatible => "backward",
            ChangeClass::Incompatible => "incompatible",
            ChangeClass::Unhandled => "unhandled",
        };
        let mut found: Vec<&str> = classes.map(|info| rank(&info.class)).collect();
        found.sort_unstable();
        found.dedup();
        let found = found.join(" ");
        if found != *drift {
            differ.push(format!("{name}: {drift:?} in the table, {found:?} in truth"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[test]
fn the_table_is_there_to_be_read() {
    let mut table = String::from(
        "# The verdicts of the compatibility gate\n\n\
         Whether a change of a document breaks callers, as the gate, drift 0.2 and oasdiff 1.31 say.\n\
         This table is written by `UPDATE=1 cargo test -p contract-tests --lib compatibility`.\n\n\
         | change | gate | drift | oasdiff |\n|---|---|---|---|\n",
    );
    for Row { name, breaks, drift, oasdiff, .. } in ROWS {
        let verdict = if breaks.is_some() { "breaks" } else { "fine" };
        let drift = if drift.is_empty() { "nothing" } else { drift };
        table += &format!("| {name} | {verdict} | {drift} | {oasdiff} |\n");
    }
    let file = folder().join("../contract-tests/compatibility.md");
    if env::var("UPDATE").is_ok_and(|update| update == "1") {
        fs::write(&file, &table).unwrap();
    }
    assert_eq!(fs::read_to_string(&file).unwrap_or_default(), table, "write it with UPDATE=1");
}

#[test]
fn a_new_major_version_may_break() {
    let old = &CONTRACT.document("products").json;
    let mut new = old.clone();
    new["info"]["version"] = "2.0.0".into();
    remove(&mut new["paths"], "/products");
    assert_eq!(breaks("products", old, &new), [""; 0]);
}

#[test]
fn a_schema_that_became_truer_breaks_nobody_and_one_that_became_narrower_does() {
    let at = "/paths/~1products/post/parameters/0/schema";
    let mut old = CONTRACT.document("products").json.clone();
    let truer = old.pointer(at).unwrap().clone();
    assert_eq!(old["paths"]["/products"]["post"]["parameters"][0]["name"], "Idempotency-Key");
    *old.pointer_mut(at).unwrap() = json!({ "type": "string", "maxLength": 255, "minLength": 1 });
    let becomes = |schema: &Value| {
        let mut new = old.clone();
        *new.pointer_mut(at).unwrap() = schema.clone();
        breaks("products", &old, &new)
    };
    assert_eq!(becomes(&truer), [""; 0]);
    for (keyword, value) in
        [("maxLength", json!(100)), ("minLength", json!(2)), ("pattern", json!("^[a-z]+$"))]
    {
        let mut narrower = truer.clone();
        narrower[keyword] = value;
        assert_ne!(becomes(&narrower), [""; 0], "{keyword}");
    }
}

/// poem-openapi writes a reference with a description of its own as an `allOf` of one.
#[test]
fn a_reference_with_a_description_is_followed() {
    let mut old = CONTRACT.document("orders").json.clone();
    let order = at(&mut old, "/components/schemas/Order/properties");
    order["status"] = json!({ "description": "How far it is", "allOf": [order["status"]] });
    let mut new = old.clone();
    push(&mut at(&mut new, "/components/schemas/OrderStatus")["enum"], "PAID".into());
    let found = breaks("orders", &old, &new);
    let words = "get_order: the 200 response `status` may be \"PAID\" now";
    assert!(found.iter().any(|line| line.contains(words)), "{found:#?}");
}

#[test]
fn a_schema_that_contains_itself_is_compared() {
    let mut old = CONTRACT.document("products").json.clone();
    let part = json!({ "$ref": "#/components/schemas/Product" });
    old["components"]["schemas"]["Product"]["properties"]["part"] = part;
    let mut new = old.clone();
    at(&mut new, PRODUCT)["properties"]["stock"]["type"] = "string".into();
    assert!(breaks("products", &old, &new).iter().any(|line| line.contains("`stock`: `type`")));
}

fn at<'a>(document: &'a mut Value, pointer: &str) -> &'a mut Value {
    document.pointer_mut(pointer).unwrap_or_else(|| panic!("nothing at {pointer}"))
}

fn push(array: &mut Value, value: Value) {
    array.as_array_mut().unwrap().push(value);
}

fn remove(object: &mut Value, key: &str) {
    object.as_object_mut().unwrap().shift_remove(key).unwrap();
}

/// Renames a field of a schema.
fn rename(schema: &mut Value, from: &str, to: &str) {
    let field = schema["properties"][from].take();
    remove(&mut schema["properties"], from);
    schema["properties"][to] = field;
    for name in schema["required"].as_array_mut().unwrap().iter_mut().filter(|name| *name == from) {
        *name = to.into();
    }
}

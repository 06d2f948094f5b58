//! Changes of the products document, and the verdicts of the gate and of two other tools on each.
//!
//! The verdict of oasdiff is not run here. It follows from the severity law in its repository (`checker/SEVERITY-LAW-TRIAGE.md`): a change that narrows
//! a request or widens a response is an error, and one that cannot be decided is a warning.

use serde_json::{Value, json};

use super::edits::{at, push, remove, rename};

pub(super) const LIST: &str = "/paths/~1products/get";
pub(super) const LIST_PARAMETERS: &str = "/paths/~1products/get/parameters";
pub(super) const GET_PARAMETERS: &str = "/paths/~1products~1{id}/get/parameters";
pub(super) const GET_RESPONSES: &str = "/paths/~1products~1{id}/get/responses";
pub(super) const CREATE: &str = "/paths/~1products/post";
pub(super) const PRODUCT: &str = "/components/schemas/Product";
pub(super) const NEW_PRODUCT: &str = "/components/schemas/NewProduct";
pub(super) const MESSAGE: &str = "/components/schemas/GetProductErrorMessage";

/// A change of the products document.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) change: fn(&mut Value),
    /// Words that the verdict has, if it is that callers break.
    pub(super) breaks: Option<&'static str>,
    /// What drift says: the worst class of its changes.
    pub(super) drift: &'static str,
    /// What oasdiff says.
    pub(super) oasdiff: &'static str,
}

pub(super) const ROWS: &[Row] = &[
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
        Some("get_product: GET /products/{id} is gone (breaks … orders: services/orders/src/products.rs:"),
        "backward",
        "error",
    ),
    row(
        "an operation has another id",
        |new| at(new, LIST)["operationId"] = "all".into(),
        Some("list_products: the operation id was `list_products` and is `all`"),
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
        "a parameter accepts less",
        |new| at(new, LIST_PARAMETERS)[0]["schema"]["maximum"] = 10.into(),
        Some("the query parameter `limit`: `maximum` was 1000 and is 10"),
        "unhandled",
        "error",
    ),
    row(
        "a parameter accepts more",
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
            "create_product: the body: the required field `colour` is new (breaks client: client/src/console/store.rs:",
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
        "a string of a request may be shorter only",
        |new| at(new, NEW_PRODUCT)["properties"]["name"]["maxLength"] = 100.into(),
        Some("the body `name`: `maxLength` was 200 and is 100"),
        "unhandled",
        "error",
    ),
    row(
        "a string of a request has to fit a pattern",
        |new| at(new, NEW_PRODUCT)["properties"]["name"]["pattern"] = "^[a-z]+$".into(),
        Some("the body `name`: `pattern` was null and is \"^[a-z]+$\""),
        "unhandled",
        "error",
    ),
    row(
        "a string of a request may be longer",
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
            "get_product: the 200 response: the field `stock` is gone (breaks … orders: services/orders/src/products.rs:",
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
        Some("list_products: 200 is no longer returned"),
        "forward",
        "error",
    ),
    row(
        "another success is new",
        |new| at(new, LIST)["responses"]["202"] = at(new, LIST)["responses"]["200"].clone(),
        Some("list_products: 202 is a new response"),
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
        Some("the 200 response is no longer `application/json`"),
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
        |new| *message(new) = "No such product".into(),
        Some("get_product: the error: \"Product not found\" became \"No such product\""),
        "unhandled",
        "warning",
    ),
    row(
        "an error message is gone",
        |new| at(new, MESSAGE)["enum"].as_array_mut().unwrap().retain(|text| text != NOT_FOUND),
        Some("get_product: the error is no longer \"Product not found\""),
        "unhandled",
        "info",
    ),
    row(
        "an error message moves to another status",
        |new| {
            at(new, GET_RESPONSES)["400"]["description"] =
                "`Malformed request` or `Product not found`".into();
            remove(at(new, GET_RESPONSES), "404");
        },
        Some(
            "get_product: the error \"Product not found\" moved from 404 to 400 (breaks … orders: services/orders/src/products.rs:",
        ),
        "forward",
        "info",
    ),
    row(
        "two error messages change places",
        |new| {
            at(new, GET_RESPONSES)["400"]["description"] = "`Product not found`".into();
            at(new, GET_RESPONSES)["404"]["description"] = "`Malformed request`".into();
        },
        Some("get_product: the error \"Malformed request\" moved from 400 to 404"),
        "",
        "info",
    ),
    row(
        "an error message may come with another status, too",
        |new| {
            at(new, GET_RESPONSES)["400"]["description"] =
                "`Malformed request` or `Product not found`".into();
        },
        None,
        "",
        "info",
    ),
    row(
        "a status loses one of its error messages",
        |new| {
            let description = &mut at(new, CREATE)["responses"]["400"]["description"];
            *description = "`Malformed request` or `Invalid fields`".into();
        },
        Some("create_product: the error \"Missing fields\" no longer comes with 400"),
        "",
        "info",
    ),
    row(
        "the words around an error message change",
        |new| at(new, GET_RESPONSES)["404"]["description"] = "`Product not found`: there is none".into(),
        None,
        "",
        "info",
    ),
];

const NOT_FOUND: &str = "Product not found";

fn message(document: &mut Value) -> &mut Value {
    let mut messages = at(document, MESSAGE)["enum"].as_array_mut().unwrap().iter_mut();
    messages.find(|text| *text == NOT_FOUND).unwrap()
}

const fn row(
    name: &'static str,
    change: fn(&mut Value),
    breaks: Option<&'static str>,
    drift: &'static str,
    oasdiff: &'static str,
) -> Row {
    Row { name, change, breaks, drift, oasdiff }
}

//! The verdicts of the gate, change by change.

mod drift;
mod table;
mod edits;

use std::fs;

use serde_json::{Value, json};

use self::{
    edits::{at, push, remove},
    table::{PRODUCT, ROWS, Row},
};
use super::*;
use crate::engine::{contract::CONTRACT, deployment::folder};

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
fn each_call_that_breaks_is_named_by_file_and_line() {
    let old = &CONTRACT.document("products").json;
    let mut new = old.clone();
    remove(&mut new["paths"]["/products/{id}"], "get");
    let found = breaks("products", old, &new);
    let (_, callers) = found[0].split_once("(breaks ").unwrap();
    let calls: Vec<(&str, &str)> =
        callers.trim_end_matches(')').split([' ', ',']).filter_map(|word| word.split_once(".rs:")).collect();
    for (file, line) in &calls {
        let code = fs::read_to_string(folder().join("..").join(format!("{file}.rs"))).unwrap();
        let line = code.lines().nth(line.parse::<usize>().unwrap() - 1).unwrap();
        assert!(line.contains(".get_product()"), "{file}: {line}");
    }
    for file in ["services/orders/src/products", "client/src/console/store"] {
        assert!(calls.iter().any(|(named, _)| *named == file), "{file}: {callers}");
    }
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
fn a_more_accurate_schema_is_compatible_and_a_narrower_one_breaks_callers() {
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
    let words = "get_order: the 200 response `status` may now be \"PAID\"";
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

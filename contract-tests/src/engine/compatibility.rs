//! Finds the changes of a document that break its callers, and names the callers.

use std::fs;

use drift::{ChangeClass, ChangePath, compare};
use serde_json::Value;

use crate::engine::{contract::folder, truer};

/// The callers in this repository, and their sources.
const CONSUMERS: [(&str, &str); 3] =
    [("orders", "services/orders/src"), ("payments", "services/payments/src"), ("console", "client/src")];

/// Every change from `old` to `new` that a caller of `service` cannot live with, in words: the operation, what changed, and
/// which consumers here call it. None if the document has a new major version.
///
/// # Panics
/// One of them is no OpenAPI document.
pub fn breaks(service: &str, old: &Value, new: &Value) -> Vec<String> {
    if major(new) > major(old) {
        return Vec::new();
    }
    let changes = compare(old, new).expect("two OpenAPI documents");
    let mut breaks = Vec::new();
    for change in changes {
        let paths: Vec<String> = change.paths.iter().map(|path| path.old.to_string()).collect();
        for info in change.changes {
            let is_breaking = match info.class {
                ChangeClass::Trivial => false,
                ChangeClass::ForwardIncompatible => info.message.contains("no longer responds with status 2"),
                // Callers have to know what a class of statuses means, not each of it (RFC 9110, section 15).
                ChangeClass::BackwardIncompatible => !info.message.contains("added a new response code 4"),
                ChangeClass::Incompatible => true,
                ChangeClass::Unhandled => {
                    let became_truer = |path: &ChangePath| {
                        let before = format!("{}/{}", path.old, info.old_subpath);
                        truer::became_truer(old, &before, new, &format!("{}/{}", path.new, info.new_subpath))
                    };
                    !paths.iter().all(|path| only_grew(path, &info.old_subpath, old, new))
                        && !change.paths.iter().all(became_truer)
                }
            };
            if is_breaking {
                breaks.push(describe(service, old, &paths, &info.message));
            }
        }
    }
    breaks.extend(opened(service, old, new));
    breaks.sort();
    breaks.dedup();
    breaks
}

fn major(document: &Value) -> u64 {
    let version = document["info"]["version"].as_str().unwrap_or_default();
    version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or_default()
}

/// An operation may say more than it did, as long as it still says all that it said. `path` leads from the schema that
/// changed to the operations that use it.
fn only_grew(path: &str, subpath: &str, old: &Value, new: &Value) -> bool {
    let Some(name) =
        path.strip_prefix("#/components/schemas/").and_then(|rest| rest.split([' ', '/']).next())
    else {
        return false;
    };
    let texts = |document: &Value| document["components"]["schemas"][name]["enum"].as_array().cloned();
    match (texts(old), texts(new)) {
        (Some(old), Some(new)) if subpath.is_empty() => old.iter().all(|text| new.contains(text)),
        _ => false,
    }
}

/// The comparison does not look at security.
fn opened(service: &str, old: &Value, new: &Value) -> Vec<String> {
    let mut breaks = Vec::new();
    for (template, path) in old["paths"].as_object().into_iter().flatten() {
        for (method, operation) in path.as_object().into_iter().flatten() {
            let security = &new["paths"][template][method]["security"];
            let is_gone = new["paths"][template][method].is_null();
            if !is_gone && *security != operation["security"] {
                let paths = [pointer(template, method)];
                let message = format!("the security changed from {} to {security}", operation["security"]);
                breaks.push(describe(service, old, &paths, &message));
            }
        }
    }
    breaks
}

fn pointer(template: &str, method: &str) -> String {
    format!("/paths/{}/{method}", template.replace('~', "~0").replace('/', "~1"))
}

fn describe(service: &str, document: &Value, paths: &[String], message: &str) -> String {
    let mut operations = Vec::new();
    for (template, path) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in path.as_object().into_iter().flatten() {
            let pointer = pointer(template, method);
            if paths.iter().any(|path| path.contains(&format!("{pointer}/")) || path.ends_with(&pointer)) {
                operations.push(operation["operationId"].as_str().unwrap_or_default());
            }
        }
    }
    let consumers: Vec<&str> = CONSUMERS
        .into_iter()
        .filter(|(_, folder)| operations.iter().any(|operation| calls(folder, service, operation)))
        .map(|(consumer, _)| consumer)
        .collect();
    let whom = if consumers.is_empty() { "callers elsewhere".into() } else { consumers.join(", ") };
    format!("{service} {}: {message} (breaks {whom})", operations.join(", "))
}

/// Whether the sources in `source` call the generated client's method for `operation`.
fn calls(source: &str, service: &str, operation: &str) -> bool {
    let files = fs::read_dir(folder().join("..").join(source)).into_iter().flatten().flatten();
    files
        .filter_map(|file| fs::read_to_string(file.path()).ok())
        .any(|code| code.contains(&format!(".{operation}()")) && code.contains(&format!("{service}::")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::contract::CONTRACT;

    /// What breaks when the document of products changes like this.
    fn after(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let old = &CONTRACT.document("products").json;
        let mut new = old.clone();
        change(&mut new);
        breaks("products", old, &new)
    }

    #[track_caller]
    fn is_named(breaks: &[String], parts: &[&str]) {
        let is_there = breaks.iter().any(|line| parts.iter().all(|part| line.contains(part)));
        assert!(is_there, "{parts:?} is not in {breaks:#?}");
    }

    #[test]
    fn nothing_breaks_when_nothing_changes() {
        assert_eq!(after(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn a_field_that_orders_reads_is_missed_by_orders() {
        let breaks = after(|new| {
            let product = &mut new["components"]["schemas"]["Product"];
            product["properties"].as_object_mut().unwrap().shift_remove("stock");
            product["required"] = json!(["id", "name", "price"]);
        });
        is_named(&breaks, &["get_product", "breaks orders"]);
    }

    #[test]
    fn a_field_of_another_type_breaks() {
        let stock = "/components/schemas/Product/properties/stock/type";
        is_named(
            &after(|new| *new.pointer_mut(stock).unwrap() = "string".into()),
            &["get_product", "breaks orders"],
        );
    }

    #[test]
    fn a_new_field_that_must_be_sent_breaks() {
        let breaks = after(|new| {
            let product = &mut new["components"]["schemas"]["NewProduct"];
            product["properties"]["colour"] = json!({ "type": "string" });
            product["required"] = json!(["name", "price", "stock", "colour"]);
        });
        is_named(&breaks, &["create_product"]);
    }

    #[test]
    fn another_text_breaks() {
        let text = "/components/schemas/GetProductErrorMessage/enum/3";
        is_named(&after(|new| *new.pointer_mut(text).unwrap() = "No such product".into()), &["get_product"]);
    }

    #[test]
    fn a_text_more_does_not() {
        let texts = "/components/schemas/GetProductErrorMessage/enum";
        let more = after(|new| new.pointer_mut(texts).unwrap().as_array_mut().unwrap().push("Gone".into()));
        assert_eq!(more, Vec::<String>::new());
    }

    #[test]
    fn an_operation_that_is_gone_breaks() {
        let breaks = after(|new| {
            new["paths"]["/products/{id}"].as_object_mut().unwrap().shift_remove("get");
        });
        is_named(&breaks, &["get_product"]);
    }

    #[test]
    fn an_answer_that_is_gone_breaks() {
        let breaks = after(|new| {
            new["paths"]["/products"]["get"]["responses"].as_object_mut().unwrap().shift_remove("200");
        });
        is_named(&breaks, &["list_products"]);
    }

    #[test]
    fn another_way_to_refuse_does_not_break() {
        let breaks = after(|new| {
            let responses = &mut new["paths"]["/products"]["post"]["responses"];
            responses["422"] = responses["415"].clone();
        });
        assert_eq!(breaks, Vec::<String>::new());
    }

    #[test]
    fn an_operation_that_is_open_breaks() {
        let breaks = after(|new| {
            new["paths"]["/products"]["get"].as_object_mut().unwrap().shift_remove("security");
        });
        is_named(&breaks, &["list_products", "the security changed"]);
    }

    #[test]
    fn a_new_operation_does_not_break() {
        let breaks = after(|new| {
            let mut operation = new["paths"]["/products"]["get"].clone();
            operation["operationId"] = "list_more".into();
            new["paths"]["/more"] = json!({ "get": operation });
        });
        assert_eq!(breaks, Vec::<String>::new());
    }

    /// What breaks when the schema of the key changes from what it was in 1.0 to this.
    fn key_becomes(schema: Value) -> Vec<String> {
        let at = "/paths/~1products/post/parameters/0";
        let mut old = CONTRACT.document("products").json.clone();
        *old.pointer_mut(&format!("{at}/schema")).unwrap() =
            json!({ "type": "string", "maxLength": 255, "minLength": 1 });
        let mut new = old.clone();
        assert_eq!(old.pointer(at).unwrap()["name"], "Idempotency-Key");
        *new.pointer_mut(&format!("{at}/schema")).unwrap() = schema;
        breaks("products", &old, &new)
    }

    #[test]
    fn a_schema_that_became_truer_does_not_break_and_one_that_became_narrower_does() {
        let truer =
            CONTRACT.document("products").json["paths"]["/products"]["post"]["parameters"][0]["schema"]
                .clone();
        assert_eq!(key_becomes(truer.clone()), Vec::<String>::new());
        let narrower = [("maxLength", json!(100)), ("minLength", json!(2)), ("pattern", json!("^[a-z]+$"))];
        for (keyword, value) in narrower {
            let mut schema = truer.clone();
            schema[keyword] = value;
            is_named(&key_becomes(schema), &["create_product"]);
        }
        // What is true now may become narrower later.
        let later = "/paths/~1products/post/parameters/0/schema/maxLength";
        is_named(&after(|new| *new.pointer_mut(later).unwrap() = 100.into()), &["create_product"]);
    }

    #[test]
    fn a_field_that_may_be_less_breaks() {
        let narrower = [
            ("/components/schemas/NewProduct/properties/name/maxLength", json!(100)),
            ("/components/schemas/NewProduct/properties/price/maximum", json!(1000)),
            ("/components/schemas/NewProduct/properties/stock/minimum", json!(1)),
        ];
        for (schema, value) in narrower {
            is_named(&after(|new| *new.pointer_mut(schema).unwrap() = value), &["create_product"]);
        }
        let pattern = after(|new| {
            new["components"]["schemas"]["NewProduct"]["properties"]["name"]["pattern"] = "^[a-z]+$".into();
        });
        is_named(&pattern, &["create_product"]);
    }

    #[test]
    fn a_header_that_may_be_sent_does_not_break_and_one_that_must_be_does() {
        let another = |is_required: bool| {
            after(|new| {
                let parameters = &mut new["paths"]["/products/{id}"]["get"]["parameters"];
                let header = json!({ "name": "X-More", "in": "header", "required": is_required, "schema": { "type": "string" } });
                parameters.as_array_mut().unwrap().push(header);
            })
        };
        assert_eq!(another(false), Vec::<String>::new());
        is_named(&another(true), &["get_product", "breaks orders"]);
    }

    #[test]
    fn a_new_major_version_may_break() {
        let breaks = after(|new| {
            new["info"]["version"] = "2.0.0".into();
            new["paths"]["/products"].as_object_mut().unwrap().shift_remove("get");
        });
        assert_eq!(breaks, Vec::<String>::new());
    }
}

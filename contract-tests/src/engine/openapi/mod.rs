//! Any OpenAPI 3 document, normalized before anything else reads it.
//!
//! In the normal form, each operation has an id, its own parameters and its own security; all references are to schemas, which are
//! all in the document; and schemas are written in one way, whatever version the document has. What cannot be tested is named
//! instead of skipped.

mod operations;
mod bundle;
mod schemas;
pub mod files;

use std::path::Path;

use serde_json::{Map, Value};

use self::{bundle::Bundle, files::Files};

/// A document in its one form.
pub struct Normal {
    /// The document.
    pub json: Value,
    /// The parts of the document that cannot be tested, one sentence each.
    pub unjudged: Vec<String>,
}

/// Reads a document, and the files that it refers to.
///
/// # Errors
/// It is none, or refers to what is not there.
pub fn read(path: &Path) -> Result<Normal, String> {
    let document =
        files::parse(&files::text(path)?).map_err(|error| format!("{}: {error}", path.display()))?;
    parsed(document, path)
}

/// The same for a document that was read from `path` and parsed already.
///
/// # Errors
/// It is none, or refers to what is not there.
pub fn parsed(document: Value, path: &Path) -> Result<Normal, String> {
    let files = Files::with(path, document.clone());
    normal(document, path, files)
}

/// Brings a document that was read from `path` to its one form.
fn normal(document: Value, path: &Path, files: Files) -> Result<Normal, String> {
    let at = |sentence: &str| format!("{}: {sentence}", path.display());
    match document["openapi"].as_str() {
        Some(version) if version.starts_with("3.0") || version.starts_with("3.1") => {}
        Some(version) => return Err(at(&format!("OpenAPI {version} cannot be read, only 3.0 and 3.1"))),
        None if document["swagger"].is_string() => {
            return Err(at(
                "this is Swagger 2.0; convert it to OpenAPI 3 first, for instance with swagger2openapi",
            ));
        }
        None => return Err(at("this is not an OpenAPI document: it has no `openapi: 3.…`")),
    }
    if document["paths"].as_object().is_none_or(|paths| paths.is_empty()) {
        return Err(at("the document has no paths, so there is nothing to test"));
    }
    let mut bundle = Bundle::new(path, files, &document);
    let mut json = document.clone();
    if let Some(schemas) = document["components"]["schemas"].as_object() {
        for (name, schema) in schemas {
            json["components"]["schemas"][name] = bundle.schema(schema, path)?;
        }
    }
    for (template, item) in document["paths"].as_object().into_iter().flatten() {
        json["paths"][template] = bundle.inlined(item, path)?;
    }
    let adopted = bundle.adopted()?;
    if !adopted.is_empty() {
        let components = object(&mut json["components"]);
        let schemas = object(components.entry("schemas").or_insert(Value::Null));
        schemas.extend(adopted);
    }
    schemas::merge(&mut json);
    let unjudged = operations::complete(&mut json);
    Ok(Normal { json, unjudged })
}

/// The object that `value` is, or becomes if it is none.
fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("an object")
}

#[cfg(test)]
mod tests;

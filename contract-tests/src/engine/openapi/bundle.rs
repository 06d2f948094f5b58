//! Resolves references: those to schemas become references within the document, and all others are replaced by their targets.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::{
    files::{Files, beside},
    schemas,
};
use crate::engine::schema::is_2020;

/// How deep a document may be. One that is deeper refers to itself where only a schema may.
const DEEPEST: usize = 100;

/// Schemas of other places that are still to be taken over: where they are, and what they are called from now on.
type Found = BTreeMap<(PathBuf, String), String>;

/// The files of a document.
pub(super) struct Bundle {
    root: PathBuf,
    files: Files,
    /// The names that schemas have.
    taken: BTreeSet<String>,
    found: Found,
    done: BTreeSet<(PathBuf, String)>,
    depth: usize,
    is_2020: bool,
}

impl Bundle {
    pub(super) fn new(root: &Path, files: Files, document: &Value) -> Self {
        let schemas = document["components"]["schemas"].as_object();
        Self {
            root: root.to_owned(),
            files,
            taken: schemas.into_iter().flatten().map(|(name, _)| name.clone()).collect(),
            found: Found::new(),
            done: BTreeSet::new(),
            depth: 0,
            is_2020: is_2020(document),
        }
    }

    /// What stands in `file`, with what its references lead to in their places.
    pub(super) fn inlined(&mut self, value: &Value, file: &Path) -> Result<Value, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("{}: a reference leads back to itself", file.display()));
        }
        let inlined = match value {
            Value::Object(object) if object.get("$ref").is_some_and(Value::is_string) => {
                let (file, pointer) = self.target(value["$ref"].as_str().unwrap_or_default(), file)?;
                let target = self.at(&file, &pointer)?;
                self.inlined(&target, &file)?
            }
            Value::Object(object) => {
                let mut inlined = Map::new();
                for (key, value) in object {
                    let value = match key.as_str() {
                        "schema" => self.schema(value, file)?,
                        // Here names are those of headers, of which many begin with `X-`.
                        "headers" => self.inlined_each(value, file)?,
                        // What is data may look like a reference.
                        "example" | "value" => value.clone(),
                        // Callbacks and links are never requested.
                        "callbacks" | "links" => continue,
                        key if key.starts_with("x-") => value.clone(),
                        _ => self.inlined(value, file)?,
                    };
                    inlined.insert(key.clone(), value);
                }
                inlined.into()
            }
            Value::Array(items) => {
                items.iter().map(|item| self.inlined(item, file)).collect::<Result<Vec<_>, _>>()?.into()
            }
            other => other.clone(),
        };
        self.depth -= 1;
        Ok(inlined)
    }

    /// The same for each value of a map whose keys are names.
    fn inlined_each(&mut self, map: &Value, file: &Path) -> Result<Value, String> {
        let Value::Object(map) = map else { return self.inlined(map, file) };
        let mut inlined = Map::new();
        for (name, value) in map {
            inlined.insert(name.clone(), self.inlined(value, file)?);
        }
        Ok(inlined.into())
    }

    /// A schema that stands in `file`, whose references lead to schemas of the document.
    pub(super) fn schema(&mut self, value: &Value, file: &Path) -> Result<Value, String> {
        let Value::Object(object) = value else {
            return Ok(match value {
                Value::Bool(false) => serde_json::json!({ "not": {} }),
                _ => Value::Object(Map::new()),
            });
        };
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("{}: a schema is deeper than {DEEPEST} levels", file.display()));
        }
        let mut schema = Map::new();
        for (key, value) in object {
            let value = match (key.as_str(), value) {
                ("$ref", Value::String(reference)) => self.adopt(reference, file)?.into(),
                (
                    "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas",
                    Value::Object(map),
                ) => {
                    let mut schemas = Map::new();
                    for (name, value) in map {
                        schemas.insert(name.clone(), self.schema(value, file)?);
                    }
                    schemas.into()
                }
                ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(items)) => {
                    items.iter().map(|item| self.schema(item, file)).collect::<Result<Vec<_>, _>>()?.into()
                }
                (
                    "items"
                    | "additionalProperties"
                    | "not"
                    | "if"
                    | "then"
                    | "else"
                    | "contains"
                    | "propertyNames"
                    | "unevaluatedProperties"
                    | "unevaluatedItems",
                    Value::Object(_),
                ) => self.schema(value, file)?,
                _ => value.clone(),
            };
            schema.insert(key.clone(), value);
        }
        self.depth -= 1;
        Ok(schemas::normal(schema, self.is_2020))
    }

    /// The reference that leads in the document to what `reference` leads to from `file`.
    fn adopt(&mut self, reference: &str, file: &Path) -> Result<String, String> {
        let place = self.target(reference, file)?;
        let (target, pointer) = &place;
        let value = self.at(target, pointer)?;
        if !matches!(value, Value::Object(_) | Value::Bool(_)) {
            return Err(format!("{}: `{reference}` does not lead to a schema", file.display()));
        }
        if let Some(name) = pointer.strip_prefix("/components/schemas/").filter(|name| !name.contains('/'))
            && *target == self.root
        {
            return Ok(format!("#/components/schemas/{name}"));
        }
        let name = match self.found.get(&place) {
            Some(name) => name.clone(),
            None => {
                let last = pointer.rsplit('/').next().filter(|last| !last.is_empty());
                let stem = target.file_stem().unwrap_or_default().to_string_lossy();
                let wanted = last.unwrap_or(&stem).replace(|letter: char| !letter.is_alphanumeric(), "_");
                let numbered = (2..).map(|number| format!("{wanted}_{number}"));
                let mut names = [wanted.clone()].into_iter().chain(numbered);
                let name = names.find(|name| !self.taken.contains(name)).unwrap_or(wanted.clone());
                self.taken.insert(name.clone());
                self.found.insert(place, name.clone());
                name
            }
        };
        Ok(format!("#/components/schemas/{name}"))
    }

    /// The schemas that references led to and that are nowhere in the document yet.
    pub(super) fn adopted(&mut self) -> Result<Vec<(String, Value)>, String> {
        let mut adopted = Vec::new();
        // One may refer to others that nothing else does.
        while let Some((place, name)) = self.found.iter().find(|(place, _)| !self.done.contains(*place)) {
            let (place, name) = (place.clone(), name.clone());
            let value = self.at(&place.0, &place.1)?;
            let schema = self.schema(&value, &place.0)?;
            self.done.insert(place);
            adopted.push((name, schema));
        }
        Ok(adopted)
    }

    /// The file and the pointer that `reference` in `file` names.
    fn target(&self, reference: &str, file: &Path) -> Result<(PathBuf, String), String> {
        let (document, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        if document.contains("://") {
            return Err(format!(
                "{}: it refers to {reference}, which is not fetched; save it as a file and refer to that",
                file.display()
            ));
        }
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err(format!(
                "{}: `{reference}` names an anchor, and only JSON pointers are supported",
                file.display()
            ));
        }
        let path = if document.is_empty() { file.to_owned() } else { beside(file, document) };
        Ok((path, percent_decode_str(pointer).decode_utf8_lossy().into_owned()))
    }

    fn at(&mut self, file: &Path, pointer: &str) -> Result<Value, String> {
        let value = self.files.open(file)?.pointer(pointer).cloned();
        value.ok_or_else(|| format!("{}: a reference to #{pointer} leads nowhere", file.display()))
    }
}

//! The request body of an operation: its schema, and an example that fits.

use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;

use super::{
    documented::{json_content, validator},
    example::{careful_complete, careful_example, complete, example},
    schema::resolve,
};

/// How much of a reason is shown: it has the whole value in it.
const SHOWN: usize = 200;

/// The body of an operation.
pub(crate) struct Sent {
    /// How the document declares it.
    declaration: Value,
    /// Its schema, perhaps a reference.
    schema: Value,
    validator: Validator,
    /// Made when it is asked for, since a document may have many.
    example: OnceLock<Result<Value, String>>,
}

impl Sent {
    pub(super) fn new(document: &Value, declaration: &Value, schema: Value) -> Self {
        let validator = validator(document, &schema);
        Self { declaration: declaration.clone(), schema, validator, example: OnceLock::new() }
    }

    /// Whether it must be there.
    pub(super) fn is_required(&self) -> bool {
        self.declaration["required"] == true
    }

    pub(super) fn fits(&self, body: &Value) -> bool {
        self.validator.is_valid(body)
    }

    /// A body that fits, or why there is none.
    pub(super) fn example(&self, document: &Value) -> Result<&Value, &str> {
        self.example.get_or_init(|| self.make(document)).as_ref().map_err(String::as_str)
    }

    /// An example with every field that the document knows and a value can be made for.
    pub(super) fn complete(&self, document: &Value, example: &Value) -> Value {
        let mut complete = [complete, careful_complete]
            .into_iter()
            .map(|complete| complete(document, &self.schema, example));
        complete.find(|complete| self.fits(complete)).unwrap_or_else(|| example.clone())
    }

    fn make(&self, document: &Value) -> Result<Value, String> {
        if self.schema.is_null() {
            return Err("it is not JSON, or has no schema".into());
        }
        // An example of the very operation goes before one of its schema.
        let content = json_content(&self.declaration["content"]);
        let named =
            content["examples"].as_object().and_then(|all| Some(all.values().next()?["value"].clone()));
        let own = Some(content["example"].clone()).filter(|own| !own.is_null()).or(named);
        let own = own.filter(|own| self.fits(own));
        let has_example = resolve(document, &self.schema).get("example").is_some();
        let made = example(document, &self.schema);
        let is_fit = self.fits(&made);
        if let Some(own) = own.filter(|_| !(is_fit && has_example)) {
            return Ok(own);
        }
        if is_fit {
            return Ok(made);
        }
        let made = careful_example(document, &self.schema);
        let error = self.validator.validate(&made).err();
        let why =
            error.map(|error| format!("{}, at `{}`", shortened(&error.to_string()), error.instance_path()));
        why.map_or(Ok(made), Err)
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

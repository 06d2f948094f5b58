//! Schemas of parameters that became truer. A stricter schema looks like a breaking change. It is not breaking if the service
//! already refused everything that the schema now refuses, which no document can tell.

use serde::Deserialize;
use serde_json::Value;

/// A parameter whose schema became truer.
#[derive(Deserialize)]
pub struct Truer {
    /// Its name.
    pub parameter: String,
    before: Value,
    now: Value,
}

impl Truer {
    /// Whether the parameter may have this value, as the schema says now.
    pub fn accepts(&self, value: &str) -> bool {
        jsonschema::draft7::is_valid(&self.now, &value.into())
    }

    /// Whether it is this parameter, which was declared as `old` and is declared as `new`.
    pub(super) fn is(&self, old: &Value, new: &Value) -> bool {
        old["name"] == self.parameter
            && new["name"] == self.parameter
            && old["schema"] == self.before
            && new["schema"] == self.now
    }
}

//! Keys that callers choose.

use poem_openapi::registry::MetaSchema;
use serde::Serialize;

use super::{
    openapi::impl_openapi_type,
    value::{Parameter, Parsed, Value},
};

/// The values that [`Key::new`] accepts, for the document.
const PATTERN: &str = "^[!-~]+$";

/// The most characters of a key.
const MAX: usize = 255;

/// The caller's own name for something: 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Key(String);

impl Key {
    /// `value`, if it is a key.
    pub fn new(value: impl Into<String>) -> Option<Self> {
        let value = value.into();
        let is_key = (1..=MAX).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic());
        is_key.then_some(Self(value))
    }

    /// The key itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn schema() -> MetaSchema {
        MetaSchema {
            min_length: Some(1),
            max_length: Some(MAX),
            pattern: Some(PATTERN.into()),
            ..MetaSchema::new("string")
        }
    }
}

impl Value for Key {
    fn read(json: &str) -> Parsed<Self> {
        match json {
            "null" | "\"\"" => Parsed::Missing,
            _ => Parsed::from_option(serde_json::from_str::<String>(json).ok().and_then(Self::new)),
        }
    }

    fn requirement() -> String {
        format!("1 to {MAX} visible ASCII characters")
    }
}

impl Parameter for Key {
    fn from_text(text: &str) -> Option<Self> {
        Self::new(text)
    }
}

impl_openapi_type!([] Key);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_key_is_missing_and_a_blank_one_is_invalid() {
        assert_eq!(Key::read("\"order-1\""), Parsed::Value(Key("order-1".to_owned())));
        for json in ["null", "\"\""] {
            assert_eq!(Key::read(json), Parsed::Missing, "{json}");
        }
        for json in ["\" \"", "\"é\"", "1", &format!("\"{}\"", "k".repeat(256))] {
            assert_eq!(Key::read(json), Parsed::Invalid, "{json}");
        }
        assert_eq!(Key::requirement(), "1 to 255 visible ASCII characters");
    }

    proptest! {
        #[test]
        fn the_schema_in_the_document_matches_the_parser(text in prop_oneof!["[\"a ~!é\u{7f}]{0,6}", "[!-~]{250,260}"]) {
            let pattern = regex::Regex::new(PATTERN).unwrap();
            let fits = pattern.is_match(&text) && text.chars().count() <= MAX;
            prop_assert_eq!(fits, Key::new(text).is_some());
        }
    }
}

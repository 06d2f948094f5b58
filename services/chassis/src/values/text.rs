//! Strings of a limited length.

use poem_openapi::registry::MetaSchema;
use serde::Serialize;

use super::{
    openapi::impl_openapi_type,
    value::{Parameter, Parsed, Value},
};

/// `MIN` to `MAX` characters of any Unicode but U+0000, kept as sent. An empty text counts as missing, unless `MIN` is 0.
///
/// `Text` alone has 1 to 200 characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Text<const MIN: usize = 1, const MAX: usize = 200>(String);

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// `value`, if its length is in range and its characters are allowed.
    pub fn new(value: impl Into<String>) -> Option<Self> {
        Self::of_column(value).filter(|text| !text.0.contains('\0'))
    }

    /// A text that was stored, possibly when U+0000 was still allowed.
    pub(crate) fn of_column(value: impl Into<String>) -> Option<Self> {
        let value = value.into();
        (MIN..=MAX).contains(&value.chars().count()).then_some(Self(value))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn schema() -> MetaSchema {
        let min_length = (MIN > 0).then_some(MIN);
        MetaSchema { min_length, max_length: Some(MAX), ..MetaSchema::new("string") }
    }
}

impl<const MIN: usize, const MAX: usize> Value for Text<MIN, MAX> {
    fn read(json: &str) -> Parsed<Self> {
        match json {
            "null" => Parsed::Missing,
            "\"\"" if MIN > 0 => Parsed::Missing,
            _ => Parsed::from_option(serde_json::from_str::<String>(json).ok().and_then(Self::new)),
        }
    }

    fn requirement() -> String {
        let length = if MIN == MAX { MAX.to_string() } else { format!("{MIN} to {MAX}") };
        format!("a text of {length} characters, and none of them U+0000")
    }
}

/// Bytes in a URL that are not UTF-8 are decoded as U+FFFD, so a parameter cannot have this character.
impl<const MIN: usize, const MAX: usize> Parameter for Text<MIN, MAX> {
    fn from_text(text: &str) -> Option<Self> {
        Self::new(text).filter(|text| !text.0.contains(char::REPLACEMENT_CHARACTER))
    }
}

impl_openapi_type!([const MIN: usize, const MAX: usize] Text<MIN, MAX>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_counted_in_characters_and_kept_as_sent() {
        let long = |chars| format!("\"{}\"", "é".repeat(chars));
        assert_eq!(<Text>::read(&long(200)), Parsed::Value(Text("é".repeat(200))));
        assert_eq!(<Text>::read(&long(201)), Parsed::Invalid);
        assert_eq!(<Text>::read(r#"" \u0001\n""#), Parsed::Value(Text(" \u{1}\n".into())));
        assert_eq!(<Text>::read(r#""a\u0000b""#), Parsed::Invalid);
        assert_eq!(<Text>::of_column("a\0b"), Some(Text("a\0b".into())));
        assert_eq!(<Text>::read(r#""\ud800""#), Parsed::Invalid);
        assert_eq!(<Text>::read("\"\""), Parsed::Missing);
        assert_eq!(<Text>::read("7"), Parsed::Invalid);
    }

    #[test]
    fn a_text_has_the_limits_of_its_type() {
        type Code = Text<3, 3>;
        assert_eq!(Code::read("\"EUR\""), Parsed::Value(Text("EUR".into())));
        assert_eq!(Code::read("\"EU\""), Parsed::Invalid);
        assert_eq!(Code::read("\"\""), Parsed::Missing);
        assert_eq!(Code::requirement(), "a text of 3 characters, and none of them U+0000");

        type Note = Text<0, 1000>;
        assert_eq!(Note::read("\"\""), Parsed::Value(Text(String::new())));
        assert_eq!(Note::read("null"), Parsed::Missing);
        assert!(matches!(Note::read(&format!("\"{}\"", "é".repeat(1000))), Parsed::Value(_)));
        assert_eq!(Note::read(&format!("\"{}\"", "é".repeat(1001))), Parsed::Invalid);
        assert_eq!(Note::schema().min_length, None);
    }

    #[test]
    fn a_text_parameter_is_valid_utf8() {
        assert_eq!(<Text>::from_text("two words"), <Text>::new("two words"));
        assert_eq!(<Text>::from_text("\u{fffd}"), None);
        assert_eq!(<Text>::from_text(""), None);
    }
}

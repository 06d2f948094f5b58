//! The values that requests and answers are made of: each knows its range, reads itself strictly from JSON, and puts the
//! same range into the document, so that a limit is written once.

mod number;

use std::{borrow::Cow, iter};

use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef},
    types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type},
};
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

/// The largest integer that every JSON reader holds exactly (RFC 8259, section 6).
pub const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

/// What the service assigns to what it creates.
pub type Id = Integer<1, MAX_SAFE_INTEGER>;
/// How many there are of something.
pub type Count = Integer<0, MAX_SAFE_INTEGER>;
/// How many there are of something, at least one.
pub type Quantity = Integer<1, MAX_SAFE_INTEGER>;
/// How long a page of a list may be.
pub type Limit = Integer<1, 1000>;

/// What reading a value from JSON came to.
#[derive(Debug, PartialEq)]
pub enum Parsed<T> {
    /// The value is there and fits.
    Value(T),
    /// `null`, or empty where it must not be.
    Missing,
    /// Of another type, or out of range.
    Invalid,
}

/// A value that reads itself strictly: no coercion from text, no rounding.
pub trait Value: Sized {
    /// Reads one JSON value from its text, which is known to be valid JSON.
    fn read(json: &str) -> Parsed<Self>;

    /// What the value must be, to follow "`price` must be ".
    fn requirement() -> String;

    /// The same for the document.
    fn schema() -> MetaSchema;
}

/// An integer from `MIN` to `MAX`. `3.0` is the integer 3, as JSON Schema has it; `"3"` and `true` are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Integer<const MIN: i64, const MAX: i64>(i64);

impl<const MIN: i64, const MAX: i64> Integer<MIN, MAX> {
    /// `value`, if it is in range.
    pub fn new(value: i64) -> Option<Self> {
        (MIN..=MAX).contains(&value).then_some(Self(value))
    }

    /// The integer itself.
    pub fn get(self) -> i64 {
        self.0
    }

    /// Reads a path segment or a query value: digits, and no other way to write the same number.
    pub(crate) fn from_digits(text: &str) -> Option<Self> {
        let canonical =
            text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
        if !canonical {
            return None;
        }
        text.parse().ok().and_then(Self::new)
    }
}

impl<const MIN: i64, const MAX: i64> Value for Integer<MIN, MAX> {
    fn read(json: &str) -> Parsed<Self> {
        if json == "null" {
            return Parsed::Missing;
        }
        number::integer(json).and_then(Self::new).map_or(Parsed::Invalid, Parsed::Value)
    }

    fn requirement() -> String {
        format!("an integer from {MIN} to {MAX}")
    }

    fn schema() -> MetaSchema {
        MetaSchema {
            minimum: Some(MIN as f64),
            maximum: Some(MAX as f64),
            ..MetaSchema::new_with_format("integer", "int64")
        }
    }
}

/// A number from 0 to 1e12 that may have a fraction, such as a price. It is kept as it was written, or not taken at all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decimal(f64);

impl Decimal {
    const MAX: f64 = 1e12;

    /// `value`, if it is in range.
    pub fn new(value: f64) -> Option<Self> {
        // Adding zero turns -0.0 into 0.0, which is written without a sign.
        (0.0..=Self::MAX).contains(&value).then_some(Self(value + 0.0))
    }

    /// The number itself.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Value for Decimal {
    fn read(json: &str) -> Parsed<Self> {
        if json == "null" {
            return Parsed::Missing;
        }
        number::double(json).and_then(Self::new).map_or(Parsed::Invalid, Parsed::Value)
    }

    fn requirement() -> String {
        let (most, digits) = (Self::MAX, number::SAFE_DIGITS);
        format!(
            "a number from 0 to {most} that can be kept as it is written: {digits} significant digits always can"
        )
    }

    fn schema() -> MetaSchema {
        MetaSchema {
            minimum: Some(0.0),
            maximum: Some(Self::MAX),
            ..MetaSchema::new_with_format("number", "double")
        }
    }
}

/// Writes `200` rather than `200.0`.
impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.fract() == 0.0 {
            serializer.serialize_u64(self.0 as u64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

/// 1 to 200 characters of any Unicode but U+0000, kept as sent. The empty text counts as missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    const MAX_CHARS: usize = 200;

    /// `value`, if its length is in range and its characters are allowed.
    pub fn new(value: impl Into<String>) -> Option<Self> {
        Self::of_column(value).filter(|text| !text.0.contains('\0'))
    }

    /// A text that was kept. It may have been kept when U+0000 was still allowed.
    pub(crate) fn of_column(value: impl Into<String>) -> Option<Self> {
        let value = value.into();
        (1..=Self::MAX_CHARS).contains(&value.chars().count()).then_some(Self(value))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for Text {
    fn read(json: &str) -> Parsed<Self> {
        match json {
            "null" | "\"\"" => Parsed::Missing,
            _ => serde_json::from_str::<String>(json)
                .ok()
                .and_then(Self::new)
                .map_or(Parsed::Invalid, Parsed::Value),
        }
    }

    fn requirement() -> String {
        format!("a text of 1 to {} characters, and none of them U+0000", Self::MAX_CHARS)
    }

    fn schema() -> MetaSchema {
        MetaSchema { min_length: Some(1), max_length: Some(Self::MAX_CHARS), ..MetaSchema::new("string") }
    }
}

/// What `#[derive(Object)]` asks of a field. Parsed goes through [`Value::read`], so that there is one set of rules.
macro_rules! impl_openapi_type {
    ([$($generics:tt)*] $ty:ty) => {
        impl<$($generics)*> Type for $ty {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                Self::requirement().into()
            }

            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Inline(Box::new(Self::schema()))
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(iter::once(self))
            }
        }

        impl<$($generics)*> ParseFromJSON for $ty {
            fn parse_from_json(value: Option<Json>) -> ParseResult<Self> {
                match Self::read(&value.unwrap_or_default().to_string()) {
                    Parsed::Value(value) => Ok(value),
                    Parsed::Missing | Parsed::Invalid => Err(ParseError::custom(Self::requirement())),
                }
            }
        }

        impl<$($generics)*> ToJSON for $ty {
            fn to_json(&self) -> Option<Json> {
                serde_json::to_value(self).ok()
            }
        }
    };
}

impl_openapi_type!([const MIN: i64, const MAX: i64] Integer<MIN, MAX>);
impl_openapi_type!([] Decimal);
impl_openapi_type!([] Text);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_may_be_written_with_a_fraction_of_zero_and_is_never_a_text_or_a_bool() {
        let read = |json| Quantity::read(json);
        for json in ["3", "3.0", "3e0", "30e-1"] {
            assert_eq!(read(json), Parsed::Value(Integer(3)));
        }
        for json in
            ["0", "-1", "3.5", "0.99999999999999999999", "\"3\"", "true", "9007199254740992", "1e400", "{}"]
        {
            assert_eq!(read(json), Parsed::Invalid, "{json}");
        }
        assert_eq!(read("9007199254740991"), Parsed::Value(Integer(MAX_SAFE_INTEGER)));
        assert_eq!(read("null"), Parsed::Missing);
    }

    #[test]
    fn a_number_is_written_as_it_was_sent() {
        for (sent, written) in [
            ("19.99", "19.99"),
            ("200", "200"),
            ("200.0", "200"),
            ("1e12", "1000000000000"),
            ("0", "0"),
            ("-0.0", "0"),
        ] {
            let Parsed::Value(number) = Decimal::read(sent) else { panic!("{sent} is a number") };
            assert_eq!(serde_json::to_string(&number).unwrap(), written);
        }
        for json in
            ["-0.01", "-1e-400", "1000000000000.00001", "1e400", "0.1000000000000000055", "\"1\"", "false"]
        {
            assert_eq!(Decimal::read(json), Parsed::Invalid, "{json}");
        }
    }

    #[test]
    fn a_text_is_counted_in_characters_and_kept_as_sent() {
        let long = |chars| format!("\"{}\"", "é".repeat(chars));
        assert_eq!(Text::read(&long(200)), Parsed::Value(Text("é".repeat(200))));
        assert_eq!(Text::read(&long(201)), Parsed::Invalid);
        assert_eq!(Text::read(r#"" \u0001\n""#), Parsed::Value(Text(" \u{1}\n".into())));
        assert_eq!(Text::read(r#""a\u0000b""#), Parsed::Invalid);
        assert_eq!(Text::of_column("a\0b"), Some(Text("a\0b".into())));
        assert_eq!(Text::read(r#""\ud800""#), Parsed::Invalid);
        assert_eq!(Text::read("\"\""), Parsed::Missing);
        assert_eq!(Text::read("7"), Parsed::Invalid);
    }

    #[test]
    fn a_path_segment_is_an_id_in_one_way_only() {
        assert_eq!(Id::from_digits("17"), Id::new(17));
        for text in ["", "0", "-1", "+1", "01", "1.0", "abc", "٣", &"9".repeat(40)] {
            assert_eq!(Id::from_digits(text), None, "{text}");
        }
    }
}

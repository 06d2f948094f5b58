//! Integers in a range.

use poem_openapi::registry::MetaSchema;
use serde::Serialize;

use super::{
    number,
    openapi::impl_openapi_type,
    value::{Parameter, Parsed, Value},
};

/// The largest integer that every JSON reader holds exactly (RFC 8259, section 6).
pub const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

/// The id that a service assigns to a resource.
pub type Id = Integer<1, MAX_SAFE_INTEGER>;
/// A number of items.
pub type Count = Integer<0, MAX_SAFE_INTEGER>;
/// A number of items, at least one.
pub type Quantity = Integer<1, MAX_SAFE_INTEGER>;
/// The length of a page of a list.
pub type Limit = Integer<1, 1000>;

/// An integer from `MIN` to `MAX`. `3.0` is the integer 3, as JSON Schema has it; `"3"` and `true` are not integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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

    fn schema() -> MetaSchema {
        MetaSchema {
            minimum: Some(MIN as f64),
            maximum: Some(MAX as f64),
            ..MetaSchema::new_with_format("integer", "int64")
        }
    }
}

impl Count {
    /// No items.
    pub const ZERO: Self = Self(0);
}

/// At least one item is a number of items.
impl From<Quantity> for Count {
    fn from(quantity: Quantity) -> Self {
        Self(quantity.0)
    }
}

impl<const MIN: i64, const MAX: i64> Value for Integer<MIN, MAX> {
    fn read(json: &str) -> Parsed<Self> {
        if json == "null" {
            return Parsed::Missing;
        }
        Parsed::from_option(number::integer(json).and_then(Self::new))
    }

    fn requirement() -> String {
        format!("an integer from {MIN} to {MAX}")
    }
}

/// Only digits, so that each number has one spelling.
impl<const MIN: i64, const MAX: i64> Parameter for Integer<MIN, MAX> {
    fn from_text(text: &str) -> Option<Self> {
        let canonical =
            text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
        if !canonical {
            return None;
        }
        text.parse().ok().and_then(Self::new)
    }
}

impl_openapi_type!([const MIN: i64, const MAX: i64] Integer<MIN, MAX>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_may_have_a_zero_fraction_but_is_not_a_text_or_a_boolean() {
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
    fn a_path_segment_has_one_way_to_write_an_id() {
        assert_eq!(Id::from_text("17"), Id::new(17));
        for text in ["", "0", "-1", "+1", "01", "1.0", "abc", "٣", &"9".repeat(40)] {
            assert_eq!(Id::from_text(text), None, "{text}");
        }
    }
}

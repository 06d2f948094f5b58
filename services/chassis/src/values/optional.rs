//! Values that may be absent.

use super::value::{Parsed, Value};

/// An absent field and `null` are None. A value that is there must fit.
///
/// A response must leave a None out, with `#[serde(skip_serializing_if = "Option::is_none")]`: the document does not allow `null`.
impl<T: Value> Value for Option<T> {
    fn read(json: &str) -> Parsed<Self> {
        if json == "null" {
            return Parsed::Value(None);
        }
        match T::read(json).missing_is_invalid() {
            Parsed::Value(value) => Parsed::Value(Some(value)),
            Parsed::InvalidParts(problems) => Parsed::InvalidParts(problems),
            Parsed::Missing | Parsed::Invalid => Parsed::Invalid,
        }
    }

    fn requirement() -> String {
        T::requirement()
    }

    fn absent() -> Parsed<Self> {
        Parsed::Value(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{Count, Text};

    #[test]
    fn an_optional_value_may_be_null_but_not_wrong() {
        assert_eq!(Option::<Count>::absent(), Parsed::Value(None));
        assert_eq!(Option::<Count>::read("null"), Parsed::Value(None));
        assert_eq!(Option::<Count>::read("3"), Parsed::Value(Count::new(3)));
        assert_eq!(Option::<Count>::read("\"3\""), Parsed::Invalid);
        assert_eq!(Option::<Text>::read("\"\""), Parsed::Invalid);
    }
}

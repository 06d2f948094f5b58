//! Booleans.

use super::value::{Parsed, Value};

impl Value for bool {
    fn read(json: &str) -> Parsed<Self> {
        match json {
            "true" => Parsed::Value(true),
            "false" => Parsed::Value(false),
            "null" => Parsed::Missing,
            _ => Parsed::Invalid,
        }
    }

    fn requirement() -> String {
        "true or false".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boolean_is_not_a_number_or_a_string() {
        assert_eq!(bool::read("true"), Parsed::Value(true));
        assert_eq!(bool::read("false"), Parsed::Value(false));
        assert_eq!(bool::read("null"), Parsed::Missing);
        for json in ["0", "1", "\"true\"", "[]"] {
            assert_eq!(bool::read(json), Parsed::Invalid, "{json}");
        }
    }
}

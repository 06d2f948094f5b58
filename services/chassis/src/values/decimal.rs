//! Numbers that may have a fraction.

use poem_openapi::registry::MetaSchema;
use serde::{Serialize, Serializer};

use super::{
    number,
    openapi::impl_openapi_type,
    value::{Parsed, Value},
};

/// A number from 0 to 1e12 that may have a fraction, such as a price. It is preserved exactly, or refused.
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

    fn schema() -> MetaSchema {
        MetaSchema {
            minimum: Some(0.0),
            maximum: Some(Self::MAX),
            ..MetaSchema::new_with_format("number", "double")
        }
    }
}

impl Value for Decimal {
    fn read(json: &str) -> Parsed<Self> {
        if json == "null" {
            return Parsed::Missing;
        }
        Parsed::from_option(number::double(json).and_then(Self::new))
    }

    fn requirement() -> String {
        let (most, digits) = (Self::MAX, number::SAFE_DIGITS);
        format!(
            "a number from 0 to {most} that can be kept as it is written: {digits} significant digits always can"
        )
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

impl_openapi_type!([] Decimal);

#[cfg(test)]
mod tests {
    use super::*;

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
}

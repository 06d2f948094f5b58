//! The limits of each field, read from the documents.

use std::{
    fmt,
    ops::{Bound, RangeBounds},
    sync::LazyLock,
};

use client::products::types::CreateProductIdempotencyKey;
use serde_json::Value;

/// A field of a document.
pub(super) struct Field {
    document: &'static LazyLock<Value>,
    /// A JSON pointer to the schema of the field.
    schema: &'static str,
}

static PRODUCTS: LazyLock<Value> = LazyLock::new(|| parse(include_str!("../../../openapi/products.json")));
static ORDERS: LazyLock<Value> = LazyLock::new(|| parse(include_str!("../../../openapi/orders.json")));
static PAYMENTS: LazyLock<Value> = LazyLock::new(|| parse(include_str!("../../../openapi/payments.json")));

pub(super) static PRODUCT_ID: Field = Field::new(&PRODUCTS, "/components/schemas/Product/properties/id");
pub(super) static NAME: Field = Field::new(&PRODUCTS, "/components/schemas/NewProduct/properties/name");
pub(super) static PRICE: Field = Field::new(&PRODUCTS, "/components/schemas/NewProduct/properties/price");
pub(super) static STOCK: Field = Field::new(&PRODUCTS, "/components/schemas/NewProduct/properties/stock");
pub(super) static ORDER_ID: Field = Field::new(&ORDERS, "/components/schemas/Order/properties/id");
pub(super) static QUANTITY: Field = Field::new(&ORDERS, "/components/schemas/NewOrder/properties/quantity");
pub(super) static PAYMENT_ID: Field = Field::new(&PAYMENTS, "/components/schemas/Payment/properties/id");
pub(super) static AMOUNT: Field = Field::new(&PAYMENTS, "/components/schemas/NewPayment/properties/amount");
pub(super) static METHOD: Field = Field::new(&PAYMENTS, "/components/schemas/NewPayment/properties/method");

impl Field {
    const fn new(document: &'static LazyLock<Value>, schema: &'static str) -> Self {
        Self { document, schema }
    }

    /// Parses a number, or tells what it must be. A number that would be rounded is an error.
    pub(super) fn number(&self, text: &str) -> Result<f64, String> {
        let text = text.trim();
        let number = text.parse().ok().filter(|number| self.admits(*number));
        let number = number.ok_or_else(|| match with_point(text) {
            Some(meant) if self.number(&meant).is_ok() => format!("must be a number: write {meant}"),
            _ => self.to_string(),
        })?;
        match significant(text).eq(significant(&format!("{number:e}"))) {
            true => Ok(number),
            false => Err("must have at most 15 digits, or it would be rounded".into()),
        }
    }

    /// Parses an integer, or tells what it must be.
    pub(super) fn integer(&self, text: &str) -> Result<u64, String> {
        let integer = text.trim().parse().ok().filter(|integer: &u64| self.admits(*integer as f64));
        integer.ok_or_else(|| self.to_string())
    }

    /// Checks a text, or tells what it must be.
    pub(super) fn text(&self, text: &str) -> Result<String, String> {
        let text = Some(text.to_owned()).filter(|text| self.admits(text.chars().count() as f64));
        text.ok_or_else(|| self.to_string())
    }

    fn admits(&self, measure: f64) -> bool {
        let (least, most) = self.limits();
        (least.as_f64()..=most.as_f64()).contains(&Some(measure))
    }

    /// The limits of the value, or of the length of a text.
    fn limits(&self) -> (&Value, &Value) {
        let schema = self.schema();
        match schema["type"].as_str() {
            Some("string") => (&schema["minLength"], &schema["maxLength"]),
            _ => (&schema["minimum"], &schema["maximum"]),
        }
    }

    fn schema(&self) -> &Value {
        self.document.pointer(self.schema).unwrap_or(&Value::Null)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = self.limits();
        match self.schema()["type"].as_str() {
            Some("string") => write!(formatter, "must have {least} to {most} characters"),
            Some("integer") => write!(formatter, "must be a whole number from {least} to {most}"),
            _ => write!(formatter, "must be a number from {least} to {most}"),
        }
    }
}

/// Checks an idempotency key, or tells what it must be. All three documents have the same pattern.
pub(super) fn key(text: &str) -> Result<String, String> {
    let is_valid = text.parse::<CreateProductIdempotencyKey>().is_ok();
    is_valid.then(|| text.to_owned()).ok_or_else(|| "must have 1 to 255 visible ASCII characters".into())
}

/// Checks the value of `If-Match`, or tells what it must be. The quotes of a tag may be left out, since shells take them away.
pub(super) fn if_match(text: &str) -> Result<String, String> {
    let text = text.trim();
    let is_visible = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    match text == "*" || text.contains('"') {
        _ if !is_visible => Err("must be an ETag, as `client products show --etag` shows it".into()),
        true => Ok(text.to_owned()),
        false => Ok(format!("\"{text}\"")),
    }
}

/// Parses a whole number in `range`, or tells what it must be.
pub(super) fn whole_number(text: &str, range: impl RangeBounds<u64>) -> Result<u64, String> {
    let number = text.trim().parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| match (range.start_bound(), range.end_bound()) {
        (Bound::Included(least), Bound::Included(most)) => {
            format!("must be a whole number from {least} to {most}")
        }
        (Bound::Included(least @ 1..), _) => format!("must be a whole number of at least {least}"),
        _ => "must be a whole number".into(),
    })
}

/// A number with a decimal comma, as in `19,99`, with a point instead.
fn with_point(text: &str) -> Option<String> {
    let (whole, fraction) = text.split_once(',')?;
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // 1,000 may be a thousand or one.
    (is_digits(whole) && is_digits(fraction) && fraction.len() != 3).then(|| format!("{whole}.{fraction}"))
}

/// The digits of a number, without leading and trailing zeros.
fn significant(number: &str) -> impl Iterator<Item = char> {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    let zeros = |character: char| !('1'..='9').contains(&character);
    mantissa.trim_matches(zeros).chars().filter(char::is_ascii_digit)
}

#[expect(clippy::expect_used, reason = "the build has generated a client from the document")]
fn parse(document: &str) -> Value {
    serde_json::from_str(document).expect("a document that is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_those_of_the_contract() {
        for id in [&PRODUCT_ID, &ORDER_ID, &PAYMENT_ID, &QUANTITY] {
            assert_eq!(id.to_string(), "must be a whole number from 1 to 9007199254740991");
        }
        assert_eq!(STOCK.to_string(), "must be a whole number from 0 to 9007199254740991");
        for money in [&PRICE, &AMOUNT] {
            assert_eq!(money.to_string(), "must be a number from 0 to 1000000000000");
        }
        for text in [&NAME, &METHOD] {
            assert_eq!(text.to_string(), "must have 1 to 200 characters");
        }
    }

    #[test]
    fn only_values_within_the_limits_are_valid() {
        for good in ["0", "0.0", "19.99", "1e12", "1000000000000.00", "1999e-2", "0.30000000000000004", " 5 "]
        {
            assert!(PRICE.number(good).is_ok(), "{good}");
        }
        for bad in ["", "-1", "-0.01", "1000000000000.1", "NaN", "inf", "19,99", "free"] {
            assert!(PRICE.number(bad).is_err(), "{bad}");
        }
        for rounded in ["0.1000000000000000055511151231257827", "999999999999.12345", "-1e-400", "1e-400"] {
            assert_eq!(
                PRICE.number(rounded),
                Err("must have at most 15 digits, or it would be rounded".into())
            );
        }
        assert_eq!(PRICE.number("19,99"), Err("must be a number: write 19.99".into()));
        assert_eq!(PRICE.number("1,000"), Err(PRICE.to_string()), "a thousand, or one");
        assert_eq!(STOCK.integer("9007199254740991"), Ok(9_007_199_254_740_991));
        for bad in ["", "-1", "1.5", "9007199254740992", "99999999999999999999"] {
            assert!(STOCK.integer(bad).is_err(), "{bad}");
        }
        assert!(ORDER_ID.integer("0").is_err());
        assert_eq!(NAME.text(&"é".repeat(200)), Ok("é".repeat(200)));
        assert!(NAME.text(&"é".repeat(201)).is_err() && NAME.text("").is_err());
    }
}

//! Faults in the fields of this store.

use serde_json::Value;

use crate::{json::edit_body, message::Response};

/// Alters a number, if it is one.
pub(super) fn change(body: &mut Value, field: &str, alter: impl Fn(f64) -> f64) {
    if let Some(number) = body[field].as_f64() {
        let altered = alter(number);
        // A whole number that was not altered stays as it was, except where the fraction is the fault.
        body[field] = if altered == number && field != "price" {
            body[field].clone()
        } else {
            whole_if_integer(field, altered)
        };
    }
}

fn whole_if_integer(field: &str, number: f64) -> Value {
    if field == "price" || field == "amount" { number.into() } else { (number as u64).into() }
}

pub(super) fn fraction_of_zero(response: &mut Response) {
    edit_body(&mut response.body, |body| change(body, "price", |price| price));
}

/// So many that they change no double that is read from them.
pub(super) fn digits_too_many(response: &mut Response) {
    let fraction = regex::Regex::new(r#""price":[0-9]+\.[0-9]+"#).expect("a pattern");
    let body = String::from_utf8_lossy(&response.body).into_owned();
    response.body = fraction.replace_all(&body, "${0}00000000000000000001").into_owned().into();
}

pub(super) fn upper_case_name(product: &mut Value) {
    if let Some(name) = product["name"].as_str() {
        product["name"] = name.to_uppercase().into();
    }
}

pub(super) fn numbers_from_texts(body: &mut Value) {
    for field in ["price", "stock"] {
        if let Some(number) = body[field].as_str().and_then(|text| text.parse::<u64>().ok()) {
            body[field] = number.into();
        }
    }
}

//! How JSON is altered on its way.

use serde_json::Value;

/// Alters JSON, which is left as it was written if nothing is altered.
pub(crate) fn edit_body(bytes: &mut Vec<u8>, alter: impl Fn(&mut Value)) {
    if let Ok(mut body) = serde_json::from_slice(bytes) {
        let before = serde_json::to_vec(&body).expect("JSON");
        alter(&mut body);
        let after = serde_json::to_vec(&body).expect("JSON");
        if before != after {
            *bytes = after;
        }
    }
}

/// Alters a number, if it is one.
pub(crate) fn change(body: &mut Value, field: &str, alter: impl Fn(f64) -> f64) {
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

//! Alters the JSON of a message.

use serde_json::Value;

/// Alters JSON, which is left as it was written if nothing is altered.
pub fn edit_body(bytes: &mut Vec<u8>, alter: impl Fn(&mut Value)) {
    if let Ok(mut body) = serde_json::from_slice(bytes) {
        let before = serde_json::to_vec(&body).expect("JSON");
        alter(&mut body);
        let after = serde_json::to_vec(&body).expect("JSON");
        if before != after {
            *bytes = after;
        }
    }
}

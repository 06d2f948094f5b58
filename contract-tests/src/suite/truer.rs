//! Parameters of this store whose schemas became truer.
//!
//! `truer.json` lists each such schema, before and now; no other schema counts as one. To add a schema, prove it:
//! `STORE_BEFORE=<the store-under-test of the version before> cargo test --test service truer --
//! --include-ignored` sends each of the [`samples`] to both programs.

use std::sync::LazyLock;

use crate::engine::compatibility::Truer;

/// All of them.
pub static TRUER: LazyLock<Vec<Truer>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../truer.json"))
        .expect("parameters, and their schemas before and now")
});

/// Texts of many lengths and characters, in quotes or not, near to what parameters may be.
pub fn samples() -> Vec<String> {
    let mut samples = vec![String::new()];
    for length in [1, 2, 3, 100, 252, 253, 254, 255, 256, 257, 258] {
        for odd in ["k", "!", "#", "~", "\"", ",", " ", "\t", "é"] {
            // HTTP takes white space from the ends.
            let is_at_an_end = length < 3;
            if is_at_an_end && odd.trim().is_empty() {
                continue;
            }
            let half = "k".repeat(length / 2);
            let text = format!("{half}{odd}{}", &half[..(length - 1) - length / 2]);
            samples.extend([format!("\"{text}\""), format!("\"{text}"), format!("{text}\""), text]);
        }
    }
    samples
}

//! Schemas of parameters that became truer. A stricter schema looks like a breaking change. It is none if the service already
//! refused everything that the schema refuses now.
//!
//! No document can tell that, so `truer.json` names each such schema before and now, and no other passes for one. To
//! add one, prove it: `STORE_BEFORE=<the store-under-test of the version before> cargo test -p contract-tests --test service
//! truer -- --include-ignored` asks both programs for each of the [`samples`].

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

/// A parameter whose schema became truer.
#[derive(Deserialize)]
pub struct Truer {
    /// Its name.
    pub parameter: String,
    before: Value,
    now: Value,
}

/// All of them.
pub static TRUER: LazyLock<Vec<Truer>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../truer.json"))
        .expect("parameters, and their schemas before and now")
});

impl Truer {
    /// Whether the parameter may have this value, as the schema says now.
    pub fn takes(&self, value: &str) -> bool {
        jsonschema::draft7::is_valid(&self.now, &value.into())
    }
}

/// Whether the schema of a parameter, which was declared as `old` and is declared as `new`, became truer.
pub(crate) fn became_truer(old: &Value, new: &Value) -> bool {
    TRUER.iter().any(|known| {
        old["name"] == known.parameter
            && new["name"] == known.parameter
            && old["schema"] == known.before
            && new["schema"] == known.now
    })
}

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

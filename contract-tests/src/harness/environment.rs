//! Settings of the tests themselves, from the environment.

use std::env;

/// The number that `variable` is set to, or `default` if it is not, or to nothing.
///
/// # Panics
/// It is set to something else.
pub fn number(variable: &str, default: u32) -> u32 {
    let text = env::var(variable).unwrap_or_default();
    if text.is_empty() {
        return default;
    }
    text.parse().unwrap_or_else(|error| panic!("{variable} is `{text}`, which cannot be used ({error})"))
}

//! Checks of an emitted document before it is written: whether a client can be generated from it, and what has changed in it.

use std::{panic, sync::Mutex};

use progenitor::{GenerationSettings, Generator, InterfaceStyle};
use serde_json::Value;
use similar::TextDiff;

/// How many lines of a difference are shown.
const SHOWN: usize = 40;

/// Why no client can be generated from `document`, if that is so.
pub fn unreadable(document: &Value) -> Option<String> {
    // The generator panics on what it cannot do, and says where.
    static PANICS: Mutex<()> = Mutex::new(());
    let _one_at_a_time = PANICS.lock();
    let spec: openapiv3::OpenAPI = match serde_json::from_value(document.clone()) {
        Ok(spec) => spec,
        Err(error) => return Some(error.to_string()),
    };
    let report = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let generated = panic::catch_unwind(move || {
        let mut settings = GenerationSettings::new();
        settings.with_interface(InterfaceStyle::Builder);
        Generator::new(&settings).generate_tokens(&spec).map(drop)
    });
    panic::set_hook(report);
    match generated {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(panic) => {
            let words = panic.downcast_ref::<String>().map(String::as_str);
            let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
            Some(explained(words))
        }
    }
}

/// Explains the known errors of the generator.
fn explained(words: &str) -> String {
    match words.contains("response_types.len() <= 1") {
        true => "an operation has two kinds of success or two kinds of error; give it one type for each"
            .to_owned(),
        false => format!("progenitor says \"{words}\""),
    }
}

/// The lines in which `before` and `after` differ, if they do.
pub fn difference(before: &str, after: &str) -> Option<String> {
    if before == after {
        return None;
    }
    let difference = TextDiff::from_lines(before, after).unified_diff().context_radius(2).to_string();
    let lines: Vec<&str> = difference.lines().collect();
    let rest = lines.len().saturating_sub(SHOWN);
    let mut shown = lines[..lines.len() - rest].join("\n");
    if rest > 0 {
        shown += &format!("\n… and {rest} lines more");
    }
    Some(shown)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_that_no_client_can_be_generated_from_is_named() {
        let document: Value = serde_json::from_str(include_str!("../../../openapi/products.json")).unwrap();
        assert_eq!(unreadable(&document), None);

        let mut two_errors = document.clone();
        two_errors["paths"]["/products"]["get"]["responses"]["418"] = json!({
            "description": "",
            "content": { "application/json": { "schema": { "type": "integer" } } },
        });
        assert!(unreadable(&two_errors).unwrap().contains("two kinds of error"));

        let mut without_schema = document.clone();
        without_schema["paths"]["/products"]["get"]["responses"]["200"]["content"]["application/json"] =
            json!({});
        assert!(unreadable(&without_schema).is_some());
    }

    #[test]
    fn a_difference_is_shown_in_a_few_lines() {
        let numbers =
            |last: u32| (0..200).map(|number| format!("{}\n", number.min(last))).collect::<String>();
        assert_eq!(difference("a", "a"), None);
        let one = difference("a\nb\nc\n", "a\nB\nc\n").unwrap();
        assert!(one.contains("-b\n+B"), "{one}");
        let many = difference(&numbers(0), &numbers(300)).unwrap();
        assert!(many.lines().count() == SHOWN + 1 && many.ends_with("lines more"), "{many}");
    }
}

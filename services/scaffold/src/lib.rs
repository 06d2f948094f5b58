//! Checks of an emitted document before it is written: whether a client can be generated from it, and what has changed in it.

// What generates the client, so that whatever it refuses is refused before it is written.
#[path = "../../../client/generator.rs"]
mod generator;

use std::{panic, sync::Mutex};

use serde_json::Value;
use similar::TextDiff;

/// How many lines of a difference are shown.
const SHOWN: usize = 40;

/// Why no client can be generated from `document`, if that is so.
pub fn unreadable(document: &Value) -> Option<String> {
    // The generator panics on what it cannot do, and says where.
    static PANICS: Mutex<()> = Mutex::new(());
    let _one_at_a_time = PANICS.lock();
    let document = document.clone();
    let report = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let generated = panic::catch_unwind(move || generator::generate("service", document, true).map(drop));
    panic::set_hook(report);
    match generated {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error),
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

    /// The products document with these messages in place of `Product not found`.
    fn with_messages(texts: &[&str]) -> Value {
        let document = include_str!("../../../openapi/products.json");
        let mut document: Value = serde_json::from_str(document).unwrap();
        let messages =
            document["components"]["schemas"]["GetProductErrorMessage"]["enum"].as_array_mut().unwrap();
        let before = messages.len();
        messages.retain(|text| text != "Product not found");
        assert_eq!(messages.len() + 1, before);
        messages.extend(texts.iter().map(|text| Value::from(*text)));
        document
    }

    #[test]
    fn a_message_that_is_no_variant_of_its_own_is_refused_in_a_sentence() {
        assert_eq!(unreadable(&with_messages(&["Product not found", "Café closed"])), None);
        for (texts, reason) in [
            (
                &["Unknown"][..],
                "`Unknown` in GetProductErrorMessage would be the variant `Unknown`, which stands for",
            ),
            (
                &["Not there", "Not-there"],
                "`Not there` and `Not-there` in GetProductErrorMessage would both be the variant `NotThere`",
            ),
            (
                &["2 products found"],
                "`2 products found` in GetProductErrorMessage would be the variant `2ProductsFound`",
            ),
            (&["!"], "begin the message with a letter"),
            (&["self"], "begin the message with a letter"),
        ] {
            let said = unreadable(&with_messages(texts)).unwrap_or_default();
            assert!(said.contains(reason), "{texts:?}: {said}");
        }
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

//! The fields that all error bodies share, and which error messages may be logged.

use std::fmt;

/// The longest message that is logged although the document does not have it.
const LONGEST: usize = 100;

/// The body of an error response, of any operation.
///
/// A service of a later version may have error messages and statuses that the document of this client does not have. They
/// arrive as [`Error::ErrorResponse`](crate::Error::ErrorResponse) as well, with the status and with this text.
pub trait ErrorBody: fmt::Debug {
    /// The error message as the service wrote it.
    fn text(&self) -> &str;

    /// What is wrong with the request, if the message is `Invalid fields`.
    fn detail(&self) -> Option<&str>;

    /// Whether the document has the message. Handle one that it does not have by the status of the response.
    fn is_known(&self) -> bool;
}

/// The message for a log. One that the document does not have could repeat a token or other data of the request, so only
/// plain words are logged of it, as the messages of the contract are.
pub(crate) fn loggable(body: &impl ErrorBody) -> String {
    let text = body.text();
    if body.is_known() || (text.len() <= LONGEST && text.split(' ').all(is_word)) {
        return text.to_owned();
    }
    format!("an error message of {} bytes that is not documented", text.len())
}

/// Whether this is a word of a sentence rather than a key or a number.
fn is_word(text: &str) -> bool {
    let is_inside = |character: char| character.is_alphabetic() || matches!(character, '\'' | '-');
    text.len() <= 20 && text.trim_end_matches([',', '.', ':', ';']).chars().all(is_inside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::types::{CreateOrderErrorBody, CreateOrderErrorMessage};

    fn read(text: &str) -> CreateOrderErrorBody {
        serde_json::from_value(serde_json::json!({ "error": text })).unwrap()
    }

    #[test]
    fn a_message_that_the_document_does_not_have_is_unknown() {
        let known = read("Not enough stock");
        assert_eq!(known.error, CreateOrderErrorMessage::NotEnoughStock);
        assert!(known.is_known());
        let unknown = read("Warehouse closed");
        assert_eq!(unknown.error, CreateOrderErrorMessage::Unknown("Warehouse closed".into()));
        assert_eq!((unknown.text(), unknown.is_known()), ("Warehouse closed", false));
        for body in [known, unknown] {
            let again = serde_json::to_value(&body).unwrap();
            assert_eq!(again["error"], body.text());
        }
    }

    #[test]
    fn only_plain_words_are_logged_of_an_unknown_message() {
        for (text, is_logged) in [
            ("Not enough stock", true),
            ("Warehouse closed, sorry: it's re-opening.", true),
            ("Bearer SECRET_PRODUCTS_TOKEN", false),
            ("token 4711-token", false),
            ("eyJhbGciOiJIUzI1NiJ9", false),
            ("abcdefghijklmnopqrstuvwxyz", false),
            ("two\nlines", false),
            (&"word ".repeat(30), false),
        ] {
            assert_eq!(loggable(&read(text)) == text, is_logged, "{text}");
        }
    }
}

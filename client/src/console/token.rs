//! Tokens, set in the same way as in the services.

use std::{fmt, fs, path::PathBuf};

/// A token as it was set, not yet checked. `Debug` hides it.
#[derive(Clone)]
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(hidden)")
    }
}

/// Where the token of a service comes from.
#[derive(Clone, Debug)]
pub(super) enum Token {
    Value(Secret),
    File(PathBuf),
}

impl Token {
    /// The token to send: the first of the two that a service accepts while its token is changed.
    ///
    /// # Errors
    /// A sentence that names `variable` and says what to do.
    pub(super) fn first(&self, variable: &str) -> Result<String, (String, String)> {
        let text = match self {
            Self::Value(Secret(text)) => text.clone(),
            Self::File(path) => fs::read_to_string(path).map_err(|error| {
                let cause = super::fault::of_system(&error);
                (
                    format!("{} cannot be read: {cause}.", path.display()),
                    format!("Set {variable}_FILE to a file with the token, or set {variable}."),
                )
            })?,
        };
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        let tokens: Vec<&str> =
            text.split([',', '\n']).map(str::trim).filter(|token| !token.is_empty()).collect();
        match tokens.as_slice() {
            [] => Err((
                match self {
                    Self::Value(_) => format!("{variable} is empty."),
                    Self::File(path) => format!("{} is empty.", path.display()),
                },
                "Set it to the token that the service was started with.".into(),
            )),
            [first] | [first, _] if tokens.iter().all(|token| token.bytes().all(allowed)) => {
                Ok((*first).to_owned())
            }
            _ => Err((
                format!("{variable} is not a bearer token."),
                "Use letters, digits and -._~+/= only. While the token is changed, set it to the new token, a comma and the old token."
                    .into(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_two_tokens_is_sent() {
        for text in ["new", "new,old", "new\nold\n", " new , old "] {
            assert_eq!(Token::Value(Secret::new(text)).first("TOKEN"), Ok("new".into()), "{text:?}");
        }
    }

    #[test]
    fn text_without_one_or_two_tokens_is_refused() {
        for text in ["", " ", ",", "one,two,three", "two words", "naïve"] {
            let (sentence, _) = Token::Value(Secret::new(text)).first("TOKEN").unwrap_err();
            assert!(sentence.starts_with("TOKEN is ") && (text.len() < 3 || !sentence.contains(text)));
        }
    }
}

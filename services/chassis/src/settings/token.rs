//! Bearer tokens (RFC 6750).

use std::fmt;

use subtle::{Choice, ConstantTimeEq};

/// A token as it was set, which may be none yet. It is never shown, like [`Token`].
#[derive(Clone)]
pub struct Secret(String);

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Secret {
    /// The secret, for whoever has to check it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(hidden)")
    }
}

/// The secret of a service, or two while it is changed: the new one first, which callers send, then the old one, which the
/// service still takes. It is never shown: its `Debug` hides it, and it has no `Display`.
#[derive(Clone)]
pub struct Token(Vec<String>);

impl Token {
    /// The tokens in `text`, which are parted by a comma or a line break, if there are one or two and each has
    /// the form of a bearer token (RFC 6750, section 2.1).
    pub fn new(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        let tokens: Vec<&str> =
            text.split([',', '\n']).map(str::trim).filter(|token| !token.is_empty()).collect();
        let is_fit = (1..=2).contains(&tokens.len()) && tokens.iter().all(|token| token.bytes().all(allowed));
        is_fit.then(|| Self(tokens.into_iter().map(str::to_owned).collect()))
    }

    /// The secret, for whoever has to send it.
    pub fn expose(&self) -> &str {
        &self.0[0]
    }

    /// Compares in a time that depends on the lengths only.
    pub(crate) fn matches(&self, candidate: &[u8]) -> bool {
        let equal = self.0.iter().map(|token| token.as_bytes().ct_eq(candidate));
        equal.fold(Choice::from(0), |any, one| any | one).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_a_token_is_changed_both_are_taken_and_the_first_is_sent() {
        for text in ["new,old", "new\nold\n", " new , old "] {
            let token = Token::new(text).unwrap();
            assert!(token.matches(b"new") && token.matches(b"old"), "{text:?}");
            assert!(!token.matches(b"new,old") && !token.matches(b"") && !token.matches(b"ne"), "{text:?}");
            assert_eq!(token.expose(), "new");
        }
    }

    #[test]
    fn no_more_than_two_and_nothing_that_is_none() {
        for text in ["", " ", ",", "one,two,three", "two words", "naïve"] {
            assert!(Token::new(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn debug_hides_it() {
        assert_eq!(format!("{:?}", Token::new("secret").unwrap()), "Token(hidden)");
        assert_eq!(format!("{:?}", Secret::from("secret")), "Secret(hidden)");
    }
}

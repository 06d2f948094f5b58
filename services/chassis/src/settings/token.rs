//! Bearer tokens (RFC 6750).

use std::{
    fmt,
    sync::{PoisonError, RwLock},
};

use subtle::{Choice, ConstantTimeEq};

/// The token of a service. During a rotation it is two: the new one, which clients send, and the old one, which the service
/// still accepts. Its `Debug` hides it, and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Vec<String>);

impl Token {
    /// The token in `text`, or the two, separated by a comma or a line break. `None` if there are none or more, or if one is not
    /// a bearer token (RFC 6750, section 2.1).
    pub fn new(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        let tokens: Vec<&str> =
            text.split([',', '\n']).map(str::trim).filter(|token| !token.is_empty()).collect();
        let is_valid =
            (1..=2).contains(&tokens.len()) && tokens.iter().all(|token| token.bytes().all(allowed));
        is_valid.then(|| Self(tokens.into_iter().map(str::to_owned).collect()))
    }

    /// The token that clients send.
    pub fn expose(&self) -> &str {
        &self.0[0]
    }

    /// Whether the service accepts `candidate`. The comparison takes a time that depends only on the lengths.
    fn matches(&self, candidate: &[u8]) -> bool {
        let equal = self.0.iter().map(|token| token.as_bytes().ct_eq(candidate));
        equal.fold(Choice::from(0), |any, one| any | one).into()
    }
}

/// The token that a service requires at the moment.
pub(crate) struct CurrentToken(RwLock<Token>);

impl CurrentToken {
    pub(crate) fn new(token: Token) -> Self {
        Self(RwLock::new(token))
    }

    /// Requires `token` from now on.
    pub(crate) fn set(&self, token: Token) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = token;
    }

    /// Whether the service accepts `candidate`.
    pub(crate) fn matches(&self, candidate: &[u8]) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).matches(candidate)
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
    fn during_a_rotation_both_tokens_match_and_the_first_is_sent() {
        for text in ["new,old", "new\nold\n", " new , old "] {
            let token = Token::new(text).unwrap();
            assert!(token.matches(b"new") && token.matches(b"old"), "{text:?}");
            assert!(!token.matches(b"new,old") && !token.matches(b"") && !token.matches(b"ne"), "{text:?}");
            assert_eq!(token.expose(), "new");
        }
    }

    #[test]
    fn text_without_one_or_two_valid_tokens_is_refused() {
        for text in ["", " ", ",", "one,two,three", "two words", "naïve"] {
            assert!(Token::new(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn debug_hides_the_secret() {
        assert_eq!(format!("{:?}", Token::new("secret").unwrap()), "Token(hidden)");
    }
}

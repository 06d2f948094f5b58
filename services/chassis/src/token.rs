//! Bearer tokens (RFC 6750): the secret itself, and the caller who has shown it.

use std::fmt;

use poem::{
    Request, RequestBody,
    http::{HeaderMap, HeaderValue, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};
use subtle::{Choice, ConstantTimeEq};

use crate::{
    header::{Single, single},
    refusal::UNAUTHORIZED,
    server::Context,
};

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

    /// Whether somebody with these headers has it.
    pub(crate) fn is_shown_in(&self, headers: &HeaderMap) -> bool {
        matches!(Credentials::of(headers), Credentials::Token(token) if self.matches(token))
    }

    /// Compares in a time that depends on the lengths only.
    fn matches(&self, candidate: &[u8]) -> bool {
        let equal = self.0.iter().map(|token| token.as_bytes().ct_eq(candidate));
        equal.fold(Choice::from(0), |any, one| any | one).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(hidden)")
    }
}

/// Somebody who has shown the service's token. An operation that takes a `Caller` first is closed to everybody else,
/// and says so in the document.
#[derive(Debug)]
pub struct Caller;

const SCHEME: &str = "bearer";

impl<'a> ApiExtractor<'a> for Caller {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(
            SCHEME,
            MetaSecurityScheme {
                ty: "http",
                description: Some(
                    "The token of this service. The store prints it, or where it was set, when it starts.",
                ),
                name: None,
                key_in: None,
                scheme: Some(SCHEME),
                bearer_format: None,
                flows: None,
                openid_connect_url: None,
            },
        );
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let sent = Credentials::of(request.headers());
        let is_known =
            |context: &Context| matches!(sent, Credentials::Token(token) if context.token().matches(token));
        if Context::get(is_known)? {
            Context::with(Context::note_token);
            return Ok(Self);
        }
        tracing::warn!(reason = sent.reason(), "authentication failed");
        let challenge = challenge(Context::get(Context::realm)?, sent.has_token());
        Err(UNAUTHORIZED.with_header(header::WWW_AUTHENTICATE, challenge).into())
    }
}

/// What somebody shows in `Authorization`.
enum Credentials<'a> {
    Nothing,
    /// Several, and one of them may be a bearer token.
    Contradictory {
        has_token: bool,
    },
    OtherScheme,
    Empty,
    /// What goes for a token begins with the scheme's name, which was written twice.
    SchemeTwice,
    Token(&'a [u8]),
}

impl<'a> Credentials<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        match single(headers, &header::AUTHORIZATION) {
            Single::Absent => Self::Nothing,
            Single::Value(value) => Self::parse(value),
            Single::Contradictory => {
                let mut all = headers.get_all(header::AUTHORIZATION).iter();
                Self::Contradictory { has_token: all.any(|value| Self::parse(value).has_token()) }
            }
        }
    }

    /// Reads `Bearer <token>`; the scheme is case-insensitive (RFC 9110, section 11.1).
    fn parse(value: &'a HeaderValue) -> Self {
        match bearer(value.as_bytes()) {
            None => Self::OtherScheme,
            Some(b"") => Self::Empty,
            Some(token) if bearer(token).is_some() => Self::SchemeTwice,
            Some(token) => Self::Token(token),
        }
    }

    /// Whether a bearer token was sent, be it a wrong one.
    fn has_token(&self) -> bool {
        matches!(self, Self::SchemeTwice | Self::Token(_) | Self::Contradictory { has_token: true })
    }

    /// Why they are refused, for the log.
    fn reason(&self) -> &'static str {
        match self {
            Self::Nothing => "no token",
            Self::Contradictory { .. } => "several Authorization headers that differ",
            Self::OtherScheme => "not a bearer token",
            Self::Empty => "an empty token",
            Self::SchemeTwice => "Bearer twice before the token",
            Self::Token(_) => "wrong token",
        }
    }
}

/// What follows the scheme of bearer tokens, if it is that.
fn bearer(text: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = text.split_at_checked(SCHEME.len())?;
    let is_bearer = scheme.eq_ignore_ascii_case(SCHEME.as_bytes()) && matches!(rest, [] | [b' ', ..]);
    is_bearer.then(|| rest.trim_ascii_start())
}

/// What the caller has to show. An error is named only if a bearer token was sent: who sent nothing, or credentials of another
/// kind, has yet to learn what is asked for (RFC 6750, section 3).
fn challenge(realm: &str, has_token: bool) -> HeaderValue {
    let error = if has_token { ", error=\"invalid_token\"" } else { "" };
    HeaderValue::try_from(format!("Bearer realm=\"{realm}\"{error}"))
        .unwrap_or_else(|_| HeaderValue::from_static("Bearer"))
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

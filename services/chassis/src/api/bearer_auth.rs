//! Bearer authentication (RFC 6750).

use poem::{
    Request, RequestBody,
    http::{HeaderMap, HeaderValue, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};

use crate::{
    error::{self, UNAUTHORIZED},
    settings::CurrentToken,
    wire::header::{Single, single},
};

/// Whether `headers` contain the service's token.
pub(crate) fn is_authenticated(headers: &HeaderMap, token: &CurrentToken) -> bool {
    matches!(Credentials::of(headers), Credentials::Token(sent) if token.matches(sent))
}

/// Proof that the caller has the service's token. An operation that takes it as its first argument requires the token, also in
/// the document.
#[derive(Debug)]
pub struct BearerAuth;

const SCHEME: &str = "bearer";

impl<'a> ApiExtractor<'a> for BearerAuth {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(
            SCHEME,
            MetaSecurityScheme {
                ty: "http",
                description: Some(
                    "The bearer token of this service, without the word Bearer. At startup, the store prints it, or where it was set.",
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
        let (is_authenticated, realm) = error::in_request(|context| {
            let token = &context.service.token;
            let is_authenticated = matches!(sent, Credentials::Token(sent) if token.matches(sent));
            context.is_authenticated.set(is_authenticated);
            (is_authenticated, context.service.name)
        })?;
        if is_authenticated {
            return Ok(Self);
        }
        let challenge = challenge(realm, sent.has_token());
        let error = UNAUTHORIZED.with_header(header::WWW_AUTHENTICATE, challenge);
        Err(error.caused_by(sent.reason()).into())
    }
}

/// The credentials in `Authorization`.
enum Credentials<'a> {
    Nothing,
    /// Several different ones, of which some may be bearer tokens.
    Contradictory {
        has_token: bool,
    },
    OtherScheme,
    Empty,
    /// The name of the scheme was sent twice.
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

    /// Whether a bearer token was sent, right or wrong.
    fn has_token(&self) -> bool {
        matches!(self, Self::SchemeTwice | Self::Token(_) | Self::Contradictory { has_token: true })
    }

    /// Why they are rejected, for the log.
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

/// The text after `Bearer`, if that is the scheme.
fn bearer(text: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = text.split_at_checked(SCHEME.len())?;
    let is_bearer = scheme.eq_ignore_ascii_case(SCHEME.as_bytes()) && matches!(rest, [] | [b' ', ..]);
    is_bearer.then(|| rest.trim_ascii_start())
}

/// The value of `WWW-Authenticate`. It names an error only if a bearer token was sent: a caller without one has yet to learn
/// which scheme the service uses (RFC 6750, section 3).
#[expect(clippy::expect_used, reason = "the realm is the name of the service")]
fn challenge(realm: &str, has_token: bool) -> HeaderValue {
    let error = if has_token { ", error=\"invalid_token\"" } else { "" };
    HeaderValue::try_from(format!("Bearer realm=\"{realm}\"{error}"))
        .expect("a realm of visible ASCII characters")
}

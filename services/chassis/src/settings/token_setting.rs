//! How a token is set, and the check that it may be used.

use std::{fmt, net::SocketAddr, path::PathBuf};

use super::{
    secret::{Secret, SecretSetting},
    startup_error::StartupError,
    token::Token,
};

/// A token as it was set, not yet checked.
#[derive(Clone, Debug)]
pub struct TokenSetting {
    pub(super) secret: SecretSetting,
    /// The default, which is public.
    pub(super) development: String,
}

/// Where a token comes from, without the token unless it is public. Its `Display` tells people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// It is the development default, which is this.
    Development(String),
    /// It is the value of this variable.
    Variable(String),
    /// It is in this file.
    File(PathBuf),
}

impl fmt::Display for TokenSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Development(token) => formatter.write_str(token),
            Self::Variable(variable) => write!(formatter, "as set in {variable}"),
            Self::File(file) => write!(formatter, "as in {}", file.display()),
        }
    }
}

impl TokenSetting {
    /// The token, if a service that listens on `listen` may use it.
    ///
    /// # Errors
    /// The token is empty or not a bearer token, its file cannot be read, or it is the development default and `listen` is not a
    /// loopback address.
    pub fn check(&self, listen: SocketAddr) -> Result<Token, StartupError> {
        let variable = &self.secret.variable;
        let value = self.secret.read()?;
        let value = value
            .as_ref()
            .map(Secret::expose)
            .ok_or_else(|| StartupError::new(format!("{variable} is empty: set it to the token.")))?;
        if !listen.ip().is_loopback()
            && value.split([',', '\n']).any(|token| token.trim() == self.development)
        {
            return Err(StartupError::new(format!(
                "{variable} is the development default, which is public, and {listen} can be reached from other \
                 machines: set {variable} to a secret, or listen on 127.0.0.1."
            )));
        }
        Token::new(value).ok_or_else(|| {
            StartupError::new(format!(
                "{variable} is not a bearer token: use letters, digits and -._~+/= only. During a rotation, set it to the \
                 new token, a comma and the old token."
            ))
        })
    }

    /// Where the token comes from.
    pub fn source(&self) -> TokenSource {
        let SecretSetting { variable, value, file, .. } = &self.secret;
        match (file, value) {
            (Some(file), _) => TokenSource::File(file.clone()),
            (None, Some(value)) if value.expose() == self.development => {
                TokenSource::Development(self.development.clone())
            }
            (None, _) => TokenSource::Variable(variable.clone()),
        }
    }
}

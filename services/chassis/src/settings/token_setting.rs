//! The settings of a token, and the check that turns them into one that may be used.

use std::{borrow::Cow, fs, net::SocketAddr, path::PathBuf};

use super::{
    startup_error::StartupError,
    token::{Secret, Token},
};

/// A token as it was set: not yet known to be one that may be used.
#[derive(Clone, Debug)]
pub struct TokenSetting {
    pub(super) variable: String,
    pub(super) value: Secret,
    /// Is read instead of the value.
    pub(super) file: Option<PathBuf>,
    /// The default, which every developer knows.
    pub(super) development: String,
}

impl TokenSetting {
    /// The token, if a service that listens at `listen` may use it.
    ///
    /// # Errors
    /// It is empty, has characters that no token has, is the development default beyond loopback, or its file cannot be read.
    pub(crate) fn check(&self, listen: SocketAddr) -> Result<Token, StartupError> {
        let variable = &self.variable;
        let value = match &self.file {
            None => Cow::Borrowed(self.value.expose()),
            Some(file) => Cow::Owned(fs::read_to_string(file).map_err(|error| {
                let file = file.display();
                StartupError::new(format!(
                    "{file} cannot be read ({error}): set {variable}_FILE to a file with the token, or set {variable}."
                ))
            })?),
        };
        if value.trim().is_empty() {
            return Err(StartupError::new(format!("{variable} is empty: set it to the token.")));
        }
        if !listen.ip().is_loopback()
            && value.split([',', '\n']).any(|token| token.trim() == self.development)
        {
            return Err(StartupError::new(format!(
                "{variable} is the development default, which everybody knows, and {listen} can be reached from \
                 other machines: set {variable} to a secret, or listen on 127.0.0.1."
            )));
        }
        Token::new(&value).ok_or_else(|| {
            StartupError::new(format!(
                "{variable} has characters that no bearer token has, or more than two tokens: use letters, digits and \
                 -._~+/= only, and a comma between the new token and the old one."
            ))
        })
    }

    /// The development default, or where a secret token was set.
    pub fn describe(&self) -> String {
        match &self.file {
            Some(file) => format!("as in {}", file.display()),
            None if self.value.expose() == self.development => self.development.clone(),
            None => format!("as set in {}", self.variable),
        }
    }
}

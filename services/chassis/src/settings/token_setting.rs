//! How a token is set, and the check that it may be used.

use std::{
    borrow::Cow,
    fmt,
    fs::File,
    io::{self, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::{
    startup_error::StartupError,
    token::{Secret, Token},
};

/// The most bytes of a token file that are read.
const FILE_LIMIT: u64 = 4096;

/// A token as it was set, not yet checked.
#[derive(Clone, Debug)]
pub struct TokenSetting {
    pub(super) variable: String,
    pub(super) value: Secret,
    /// Overrides the value.
    pub(super) file: Option<PathBuf>,
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
    pub(crate) fn check(&self, listen: SocketAddr) -> Result<Token, StartupError> {
        let variable = &self.variable;
        let value = match &self.file {
            None => Cow::Borrowed(self.value.expose()),
            Some(file) => Cow::Owned(read(file).map_err(|error| {
                let file = file.display();
                StartupError::new(format!(
                    "{file} cannot be read ({error}): set {variable}_FILE to a file with the token, or set {variable}."
                ))
            })?),
        };
        if value.trim().is_empty() {
            return Err(StartupError::new(match &self.file {
                None => format!("{variable} is empty: set it to the token."),
                Some(file) => {
                    format!(
                        "{}, to which {variable}_FILE is set, is empty: write the token to it.",
                        file.display()
                    )
                }
            }));
        }
        if !listen.ip().is_loopback()
            && value.split([',', '\n']).any(|token| token.trim() == self.development)
        {
            return Err(StartupError::new(format!(
                "{variable} is the development default, which is public, and {listen} can be reached from other \
                 machines: set {variable} to a secret, or listen on 127.0.0.1."
            )));
        }
        Token::new(&value).ok_or_else(|| {
            StartupError::new(format!(
                "{variable} is not a bearer token: use letters, digits and -._~+/= only. During a rotation, set it to the \
                 new token, a comma and the old token."
            ))
        })
    }

    /// Where the token comes from.
    pub fn source(&self) -> TokenSource {
        match &self.file {
            Some(file) => TokenSource::File(file.clone()),
            None if self.value.expose() == self.development => {
                TokenSource::Development(self.development.clone())
            }
            None => TokenSource::Variable(self.variable.clone()),
        }
    }
}

/// The start of `file`, which is all of it if it holds a token.
fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(file)?.take(FILE_LIMIT).read_to_string(&mut text)?;
    Ok(text)
}

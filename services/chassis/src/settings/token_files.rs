//! Token files, which are read again while the service runs.

use std::{
    fmt,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use super::{startup_error::StartupError, token::Token, token_setting::TokenSetting};

/// The token files of a service. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct TokenFiles(Arc<Mutex<Vec<TokenFile>>>);

struct TokenFile {
    path: PathBuf,
    setting: TokenSetting,
    /// The address of the service, which decides whether the development token may be used.
    listen: SocketAddr,
    token: Token,
    apply: Apply,
}

/// Makes the service use another token.
type Apply = Box<dyn Fn(&Token) -> Result<(), StartupError> + Send>;

/// The outcome of rereading a token file.
pub(crate) enum Reread {
    /// The token in it is in use now.
    Changed(PathBuf),
    /// The token is the one already in use.
    Unchanged(PathBuf),
    /// The token in use before stays in use.
    Failed(StartupError),
}

impl TokenFiles {
    /// Reads the file of `setting`, if it has one, with the others. `apply` gets each new token.
    pub(crate) fn add(
        &self,
        setting: &TokenSetting,
        listen: SocketAddr,
        token: Token,
        apply: impl Fn(&Token) -> Result<(), StartupError> + Send + 'static,
    ) {
        let Some(path) = setting.secret.file.clone() else { return };
        let file = TokenFile { path, setting: setting.clone(), listen, token, apply: Box::new(apply) };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(file);
    }

    /// Reads all files again. This may block.
    pub(crate) fn read_again(&self) -> Vec<Reread> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter_mut().map(TokenFile::read_again).collect()
    }
}

impl TokenFile {
    fn read_again(&mut self) -> Reread {
        let token = match self.setting.check(self.listen) {
            Err(error) => return Reread::Failed(error),
            Ok(token) if token == self.token => return Reread::Unchanged(self.path.clone()),
            Ok(token) => token,
        };
        if let Err(error) = (self.apply)(&token) {
            return Reread::Failed(error);
        }
        self.token = token;
        Reread::Changed(self.path.clone())
    }
}

impl fmt::Debug for TokenFiles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenFiles")
    }
}

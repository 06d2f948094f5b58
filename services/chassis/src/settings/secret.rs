//! How a secret is set: by a variable or a flag, or by a file.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::startup_error::StartupError;

/// The most bytes of a file that are read.
const FILE_LIMIT: u64 = 4096;

/// A secret as it was set, not yet checked. Its `Debug` hides it.
#[derive(Clone)]
pub(super) struct Secret(String);

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Secret {
    /// The text of the secret.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(hidden)")
    }
}

/// A secret, or where it is.
#[derive(Clone, Debug)]
pub(super) struct SecretSetting {
    /// A word for it, such as `token`.
    pub(super) what: &'static str,
    pub(super) variable: String,
    pub(super) value: Option<Secret>,
    /// Overrides the value. The variable that sets it ends with `_FILE`.
    pub(super) file: Option<PathBuf>,
}

impl SecretSetting {
    /// The secret, if there is one that is not blank.
    ///
    /// # Errors
    /// Its file cannot be read, or is blank.
    pub(super) fn read(&self) -> Result<Option<Secret>, StartupError> {
        let Self { what, variable, value, file } = self;
        let is_blank = |text: &str| text.trim().is_empty();
        let Some(file) = file else { return Ok(value.clone().filter(|value| !is_blank(value.expose()))) };
        let shown = file.display();
        match read(file) {
            Ok(text) if is_blank(&text) => Err(StartupError::new(format!(
                "{shown}, to which {variable}_FILE is set, is empty: write the {what} to it."
            ))),
            Ok(text) => Ok(Some(Secret(text))),
            Err(error) => Err(StartupError::new(format!(
                "{shown} cannot be read ({error}): set {variable}_FILE to a file with the {what}, or set {variable}."
            ))),
        }
    }
}

/// The start of `file`, which is all of it if it holds a secret.
fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(file)?.take(FILE_LIMIT).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_secret() {
        assert_eq!(format!("{:?}", Secret::from("secret")), "Secret(hidden)");
    }
}

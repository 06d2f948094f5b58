//! Why a program does not start.

/// Why a service does not start or run on: one sentence that says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartupError(String);

impl StartupError {
    /// An error for the person who started the program: one sentence that says what is wrong and what to do.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl From<clap::Error> for StartupError {
    fn from(error: clap::Error) -> Self {
        Self(error.to_string())
    }
}

//! Why a program does not start.

/// Why a program does not start: one sentence that says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartupError(String);

impl StartupError {
    /// An error that `sentence` explains to the operator.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl From<clap::Error> for StartupError {
    fn from(error: clap::Error) -> Self {
        Self(error.to_string())
    }
}

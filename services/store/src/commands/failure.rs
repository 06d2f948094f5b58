//! Why a command failed, and whether it changed anything.

use chassis::settings::StartupError;

/// Why a command failed.
pub(super) struct Failure {
    pub(super) sentence: StartupError,
    /// Whether everything is as it was before.
    pub(super) is_unchanged: bool,
}

impl Failure {
    /// Everything is as it was before.
    pub(super) fn unchanged(sentence: impl Into<String>) -> Self {
        StartupError::new(sentence).into()
    }

    /// Not everything is as it was before.
    pub(super) fn changed(sentence: impl Into<String>) -> Self {
        Self { sentence: StartupError::new(sentence), is_unchanged: false }
    }
}

impl From<StartupError> for Failure {
    fn from(sentence: StartupError) -> Self {
        Self { sentence, is_unchanged: true }
    }
}

//! Why something did not pass.

use std::fmt;

/// Why something did not pass.
#[derive(Clone, Debug)]
pub struct Failure {
    sentence: String,
    /// The same without secrets, if somebody named some.
    kept: Option<String>,
    /// Whether there was no response.
    pub is_silence: bool,
}

impl Failure {
    /// A failure that is told by `sentence`.
    pub(crate) fn new(sentence: String) -> Self {
        Self { sentence, kept: None, is_silence: false }
    }

    /// The same failure, since there was no response at all.
    pub(crate) fn by_silence(self) -> Self {
        Self { is_silence: true, ..self }
    }

    /// The same failure, of which files keep this.
    pub(crate) fn keeping(self, kept: Option<String>) -> Self {
        Self { kept, ..self }
    }

    /// What a file may keep of it, as far as the session knows what is secret.
    pub fn kept(&self) -> &str {
        self.kept.as_ref().unwrap_or(&self.sentence)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.sentence)
    }
}

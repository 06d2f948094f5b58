//! Why something did not pass.

use std::fmt;

/// Why something did not pass.
#[derive(Clone, Debug)]
pub struct Failure {
    sentence: String,
    /// Whether there was no answer.
    pub is_silence: bool,
}

impl Failure {
    /// A failure that is told by `sentence`.
    pub(crate) fn new(sentence: String) -> Self {
        Self { sentence, is_silence: false }
    }

    /// A failure to answer at all.
    pub(crate) fn silence(sentence: String) -> Self {
        Self { sentence, is_silence: true }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.sentence)
    }
}

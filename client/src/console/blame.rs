//! Finds out which service caused "not found or unavailable", a message that does not say which of the two it is.

use super::{error_message::ErrorMessage, failure::Failure, service::Service};

/// The resource that a service asked another for.
pub(super) struct Asked<'a> {
    pub(super) caller: Service,
    pub(super) upstream: Service,
    /// As in `product 1`.
    pub(super) resource: &'a str,
}

impl Asked<'_> {
    /// Adds to `failure` what `upstream` itself responds to the same question: the resource, or a failure.
    pub(super) fn explain(&self, failure: Failure, response: Option<Failure>) -> Failure {
        let Self { caller, upstream, resource } = self;
        match response {
            None => {
                let advice = format!(
                    "{upstream} has {resource}, so {caller} could not get it in time, or has another address or token for {upstream}: see {} and {} of {caller}. The cause is in its log.",
                    upstream.url_variable(),
                    upstream.token_variable()
                );
                Failure { advice, is_in_log: true, ..failure }
            }
            Some(other) => match other.message() {
                Some(message) if message.is_not_found() => {
                    let advice = match message {
                        ErrorMessage::ProductNotFound => " `client products list` lists all products.",
                        _ => "",
                    };
                    Failure { advice: format!("There is no {resource}.{advice}"), ..failure }
                }
                // The console's own token says nothing about the caller's.
                Some(ErrorMessage::Unauthorized) => failure,
                _ => {
                    let Failure { sentence, advice, .. } = other;
                    let advice = format!("{upstream} is to blame, not {caller}: {sentence} {advice}");
                    Failure { advice, is_in_log: true, ..failure }
                }
            },
        }
    }
}

//! The profile: the house rules of the services under test. No document states them, so without a profile they are not checked.
//!
//! It is the file `contract.yaml` next to the workflows. Each line of `responses` names a situation and the exact response to it;
//! the switches name conventions that hold for every response.

use std::{collections::BTreeMap, ops::RangeInclusive};

use serde::Deserialize;

/// What is wrong with a request, or with the service at that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Situation {
    /// No credential, or a wrong one.
    Unauthorized,
    /// A credential that is almost right, or sent together with a right one.
    OddCredential,
    /// A required part is missing.
    Missing,
    /// A part is present, but does not fit the document.
    Invalid,
    /// A body that some JSON parsers accept and others do not.
    OddBody,
    /// A value that only exact arithmetic distinguishes from one that fits, or a repeated parameter.
    OddValue,
    /// A path with an id that cannot exist.
    UnknownId,
    /// A path with an id that some services mistake for another, such as `01` for `1`.
    OddId,
    /// A path that no document has.
    UnknownPath,
    /// A method that a path does not have.
    UnknownMethod,
    /// `OPTIONS` on a path.
    Options,
    /// A body with an undocumented media type, or with none.
    MediaType,
    /// A body of more than 64 KiB.
    TooLarge,
    /// A body that never ends.
    BodyTimeout,
    /// A request whose timeout, as set by its caller, has already expired.
    Expired,
    /// Two different values of a singleton header.
    Contradictory,
    /// An invalid `Idempotency-Key`.
    WrongKey,
    /// A service that is at its limit of requests.
    Full,
    /// A request with the `Idempotency-Key` of one that is still in flight.
    InProgress,
    /// A different request with an `Idempotency-Key` that was already used.
    KeyReused,
    /// A failure of the service itself.
    Failed,
}

impl Situation {
    /// The statuses that pass if the profile names no exact response. None if documents promise nothing in this situation.
    pub(crate) fn otherwise(self) -> Option<RangeInclusive<u16>> {
        match self {
            Self::Unauthorized => Some(401..=403),
            Self::Missing | Self::Invalid | Self::UnknownId => Some(400..=499),
            _ => None,
        }
    }
}

/// An exact response: its status, and its text if it has one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Exact {
    /// The status.
    pub status: u16,
    /// The exact text.
    pub text: Option<String>,
}

/// How an exact response is written: `404` or `400 Missing fields`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Status(u16),
    Text(String),
}

impl TryFrom<Written> for Exact {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let text = match written {
            Written::Status(status) => status.to_string(),
            Written::Text(text) => text,
        };
        let (status, rest) = text.split_once(' ').unwrap_or((&text, ""));
        match status.parse() {
            Ok(status @ 100..600) => {
                Ok(Self { status, text: (!rest.is_empty()).then(|| rest.trim().to_owned()) })
            }
            _ => Err(format!(
                "`{text}` is not a response: write a status and a text, such as 400 Missing fields"
            )),
        }
    }
}

/// The house rules.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// The exact response in each situation; earlier profiles call them `answers`.
    #[serde(alias = "answers")]
    pub responses: BTreeMap<Situation, Exact>,
    /// The description of a response has its exact texts in backticks.
    pub texts_in_backticks: bool,
    /// `Invalid` has a `detail` that names what is wrong, and nothing else has one.
    pub details: bool,
    /// Objects have their fields in the order of the document.
    pub fields_in_order: bool,
    /// Objects have no other fields than those in the document.
    pub closed_objects: bool,
    /// A 201 has a `Location`.
    pub location: bool,
    /// 204 and 405 have an `Allow` with the methods of the document.
    pub allow: bool,
    /// 401 has a `WWW-Authenticate: Bearer` with the name of the service as its realm.
    pub challenge: bool,
    /// JSON has no insignificant whitespace, and numbers have no more digits than they need.
    pub shortest_json: bool,
    /// A response without documented content has no body.
    pub documented_bodies_only: bool,
    /// Media types have no parameters.
    pub bare_media_types: bool,
    /// `null` counts as absent, an empty string as missing, and numbers are validated as written.
    pub strict_values: bool,
    /// An `Idempotency-Key` makes a create happen once.
    pub idempotency_keys: bool,
    /// Ids are never reused.
    pub ids_are_given_once: bool,
    /// Every query parameter makes a difference.
    pub parameters_make_a_difference: bool,
    /// `HEAD` gets the same response as `GET`, without the body.
    pub heads: bool,
    /// A read may return other values than those that were sent.
    pub may_alter: bool,
    /// An error may have an undocumented status or message: callers handle it by its status class.
    #[serde(alias = "other_refusals")]
    pub undocumented_errors: bool,
    /// Only the workflows send valid requests: the examples of the documents are not sent, and nothing is read back.
    pub workflows_show_all: bool,
    /// A documented response that was never seen is a failure.
    pub all_must_be_seen: bool,
    /// The workflows that any implementation of the contract passes. If none is named, all of them.
    pub common_workflows: Vec<String>,
    /// A file next to this one that lists the documented responses that need not be seen, one per line.
    pub waivers: Option<String>,
}

impl Profile {
    /// Reads a profile.
    ///
    /// # Errors
    /// The text is not a profile. The sentence says where and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return Ok(Self::default());
        }
        serde_yaml_ng::from_str(text).map_err(|error| error.to_string())
    }

    /// The same rules for callers who know nothing of what is newer than their contract.
    pub(crate) fn of_callers(self) -> Self {
        Self {
            fields_in_order: false,
            closed_objects: false,
            undocumented_errors: true,
            all_must_be_seen: false,
            ..self
        }
    }

    /// The exact response in a situation.
    pub(crate) fn response(&self, situation: Situation) -> Option<&Exact> {
        self.responses.get(&situation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_a_status_and_a_text() {
        assert_eq!(Profile::parse("answers: {}").map(|it| it.responses.len()), Ok(0));
        let profile =
            Profile::parse("responses: { missing: 400 Missing fields, unknown_id: 404 }\nlocation: true");
        let profile = profile.unwrap();
        let exact = |status, text: Option<&str>| Exact { status, text: text.map(str::to_owned) };
        assert_eq!(profile.response(Situation::Missing), Some(&exact(400, Some("Missing fields"))));
        assert_eq!(profile.response(Situation::UnknownId), Some(&exact(404, None)));
        assert_eq!(profile.response(Situation::Invalid), None);
        assert!(profile.location && !profile.allow);
        assert!(Profile::parse("# nothing\n").is_ok());
    }

    #[test]
    fn a_profile_with_a_typo_is_refused() {
        for (text, says) in [
            ("responses: { mising: 400 }", "mising"),
            ("locations: true", "locations"),
            ("responses: { missing: never }", "`never` is not a response"),
            ("responses: { missing: 99 }", "`99` is not a response"),
            ("- location", "invalid type"),
        ] {
            let sentence = Profile::parse(text).unwrap_err();
            assert!(sentence.contains(says), "{text}: {sentence}");
        }
    }
}

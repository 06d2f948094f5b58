//! Keeps secrets out of every file that this program writes: tokens, headers and inputs, in every form that a request may use.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use contract_tests::engine::{
    deployment::{Deployment, SERVICES},
    exchange::{escaped, quoted},
};
use regex::{Captures, Regex, RegexBuilder};
use serde_json::Value;

/// A shorter text is not a secret: it might be part of other words.
const SHORTEST: usize = 4;

/// What is not told, and what stands in its place.
pub(crate) struct Secrets {
    /// What stands in the place of each form of them.
    places: BTreeMap<String, String>,
    /// Any of the forms, the longest first, since one may be a part of another. None if there is none.
    any: Option<Regex>,
}

impl Secrets {
    /// The secrets of the services, and the inputs of the workflows.
    pub(crate) fn of(deployment: &Deployment) -> Result<Self, String> {
        let mut places = BTreeMap::new();
        for service in SERVICES.iter() {
            let headers = deployment.headers(service).iter().flat_map(|(name, value)| parts(name, value));
            for secret in [deployment.service(service).token.as_str()].into_iter().chain(headers) {
                add(&mut places, secret, &place(service));
            }
        }
        for (name, value) in &deployment.inputs {
            add(&mut places, value, &format!("<input {name}>"));
        }
        Self::in_places(places)
    }

    /// What somebody has shown to a service.
    pub(crate) fn shown<'a>(service: &str, secrets: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut places = BTreeMap::new();
        secrets.for_each(|secret| add(&mut places, secret, &place(service)));
        Self::in_places(places)
    }

    fn in_places(places: BTreeMap<String, String>) -> Result<Self, String> {
        let mut forms: Vec<&String> = places.keys().collect();
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        let any = forms.into_iter().map(|form| regex::escape(form)).collect::<Vec<_>>().join("|");
        let any = (!any.is_empty()).then(|| RegexBuilder::new(&any).size_limit(usize::MAX).build());
        let any =
            any.transpose().map_err(|error| format!("a token, header or input is too long: {error}"))?;
        Ok(Self { places, any })
    }

    /// `text` without them.
    pub(crate) fn redacted(&self, text: &str) -> String {
        let Some(any) = &self.any else { return text.to_owned() };
        any.replace_all(text, |found: &Captures<'_>| self.places[&found[0]].clone()).into_owned()
    }

    /// Whether one of them is in `text`.
    pub(crate) fn are_in(&self, text: &str) -> bool {
        self.any.as_ref().is_some_and(|any| any.is_match(text))
    }
}

/// What stands in the place of a secret of a service.
pub(crate) fn place(service: &str) -> String {
    format!("<secret of {service}>")
}

/// What is secret in a header: its value, the credential behind a scheme such as `Bearer`, and each cookie.
pub(crate) fn parts<'a>(name: &str, value: &'a str) -> Vec<&'a str> {
    let name = name.to_lowercase();
    let mut parts = vec![value];
    if name.contains("auth") {
        parts.extend(value.split_once(' ').map(|(_, credential)| credential.trim()));
    }
    if name.ends_with("cookie") {
        // Behind the one that is set are its attributes.
        let count = if name == "cookie" { usize::MAX } else { 1 };
        let cookies = value.split(';').take(count).filter_map(|pair| pair.split_once('='));
        parts.extend(cookies.map(|(_, cookie)| cookie.trim().trim_matches('"')));
    }
    parts
}

/// Adds each form of a secret that a request of this program can have.
fn add(forms: &mut BTreeMap<String, String>, secret: &str, place: &str) {
    if secret.len() < SHORTEST {
        return;
    }
    // Cases send its beginning, more than it, and what is in another case, to see them refused.
    let beginning = secret.char_indices().next_back().map_or("", |(last, _)| &secret[..last]);
    let more = format!("x{secret}");
    for text in [secret, beginning, &secret.to_lowercase(), &more] {
        let json = Value::from(text).to_string();
        let in_json = json[1..json.len() - 1].to_owned();
        let written = [text.to_owned(), BASE64_STANDARD.encode(text), escaped(text), in_json];
        for form in written {
            let in_shell = quoted(&form);
            for form in [in_shell[1..in_shell.len() - 1].to_owned(), form] {
                if form.len() >= SHORTEST {
                    forms.entry(form).or_insert_with(|| place.to_owned());
                }
            }
        }
    }
}

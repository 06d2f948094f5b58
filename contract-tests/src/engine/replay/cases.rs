//! Generates the cases of every operation from the documents.

use std::collections::BTreeSet;

use super::{
    bodies,
    case::{Case, Expectation, detail, valid_request},
    limits,
};
use crate::engine::{
    contract::{self, CONTRACT, Document, Operation},
    deployment::{Deployment, SERVICES},
    exchange::{KEY, Request, TIMEOUT},
    profile::Situation,
    security::{Scheme, is_closed, with_headers, with_token},
    subject::subject,
};

/// How many characters a key may have.
const KEY_LIMIT: usize = 255;

/// Every case of every operation, and of every path.
pub fn cases(deployment: &Deployment) -> Vec<Case> {
    let profile = &subject().profile;
    // Without a body that can be made, every request is one without a body.
    let operations = CONTRACT.operations().filter(|operation| !operation.needs_other_body());
    let of_operations = operations.flat_map(|operation| {
        let valid = valid_request(operation, deployment);
        let mut cases = Vec::new();
        if !profile.workflows_show_all {
            cases.push(Case::within_limits(operation, "as_in_the_document", valid.clone()));
        }
        if profile.challenge {
            cases.extend(unauthenticated(operation, &valid, deployment));
        } else {
            cases.extend(closed(operation, &valid, deployment));
        }
        cases.extend(expired(operation, &valid));
        cases.extend(contradictory(operation, &valid));
        if operation.example().is_some() {
            cases.extend(bodies::wholes(operation, &valid));
            cases.extend(bodies::fields(operation, &valid));
        }
        cases.extend(limits::names(operation, &valid));
        cases.extend(limits::limits(operation, &valid));
        if operation.accepts_key && profile.idempotency_keys {
            cases.extend(keys(operation, &valid));
        }
        cases
    });
    of_operations.chain(methods(deployment)).collect()
}

/// Requests without the right token get 401, with a challenge.
fn unauthenticated(operation: &Operation, valid: &Request, deployment: &Deployment) -> Vec<Case> {
    let service = operation.service;
    let token = &deployment.service(service).token;
    let refused_as = |situation, name: &str, authorization: &[&str]| {
        let mut request = valid.clone();
        request.headers.retain(|(name, _)| name != "Authorization");
        let is_bearer = |value: &&str| value.strip_prefix("Bearer ").is_some_and(|token| !token.is_empty());
        let error = if authorization.iter().any(is_bearer) { ", error=\"invalid_token\"" } else { "" };
        let challenge = Expectation::Header("WWW-Authenticate", format!("Bearer realm=\"{service}\"{error}"));
        request.headers.extend(authorization.iter().map(|value| ("Authorization".into(), (*value).into())));
        Some(Case::of(situation, operation, name, request)?.with(challenge))
    };
    let refused = |name: &str, authorization: &[&str]| {
        Some(refused_as(Situation::Unauthorized, name, authorization)?.common(operation))
    };
    // What part 1 leaves open, another implementation may do otherwise.
    let odd = |name: &str, authorization: &[&str]| refused_as(Situation::OddCredential, name, authorization);
    let right = format!("Bearer {token}");
    let shorter = right.char_indices().next_back().map_or("", |(last, _)| &right[..last]);
    let others = SERVICES.iter().filter(|other| **other != service).map(|other| {
        let token = &deployment.service(other).token;
        refused(&format!("with_the_token_of_{other}"), &[&format!("Bearer {token}")])
    });
    let cases = [
        refused("without_a_token", &[]),
        refused("with_a_wrong_token", &["Bearer wrong"]),
        refused("with_a_wrong_token_of_the_same_length", &[&format!("Bearer {}", "x".repeat(token.len()))]),
        refused("with_the_beginning_of_the_token", &[shorter]),
        refused("with_more_than_the_token", &[&format!("{right}x")]),
        refused("with_the_token_in_another_case", &[&format!("Bearer {}", token.to_lowercase())]),
        refused("with_the_token_in_another_scheme", &[&format!("Basic {token}")]),
        refused("with_the_token_in_a_scheme_of_the_same_length", &[&format!("Digest {token}")]),
        refused("with_the_token_next_to_the_scheme", &[&format!("Bearer{token}")]),
        refused("with_the_token_alone", &[token]),
        refused("with_no_token_after_the_scheme", &["Bearer "]),
        refused("with_the_scheme_twice", &[&format!("Bearer {right}")]),
        odd("with_the_token_and_then_a_wrong_one", &[&right, "Bearer wrong"]),
        odd("with_a_wrong_token_and_then_the_right_one", &["Bearer wrong", &right]),
    ];
    cases.into_iter().chain(others).flatten().collect()
}

/// Requests without a credential, or with a wrong one, to an operation that asks for one.
fn closed(operation: &Operation, valid: &Request, deployment: &Deployment) -> Vec<Case> {
    let token = &deployment.service(operation.service).token;
    // All credentials are removed, also those of `--header`.
    let shown = |name: &str| {
        name.eq_ignore_ascii_case("Authorization")
            || operation.security.iter().flatten().flatten().any(|scheme| match scheme {
                Scheme::Bearer | Scheme::Basic => false,
                Scheme::Key(place, _) if place == "cookie" => name.eq_ignore_ascii_case("Cookie"),
                Scheme::Key(_, key) => name.eq_ignore_ascii_case(key),
            })
    };
    if !is_closed(&operation.security) {
        return Vec::new();
    }
    let mut bare = valid.clone();
    bare.headers.retain(|(name, _)| !shown(name));
    bare.path = without_keys(operation, &bare.path);
    let refused = |name: &str, request| Case::of(Situation::Unauthorized, operation, name, request);
    let with = |token: &str| with_token(&operation.security, bare.clone(), token);
    let mut cases = vec![
        refused("without_a_credential", bare.clone()),
        refused("with_a_wrong_credential", with("wrong")),
    ];
    if token.len() > 1 {
        cases.push(refused("with_a_wrong_credential_of_the_same_length", with(&"x".repeat(token.len()))));
        cases.push(refused("with_more_than_the_credential", with(&format!("x{token}"))));
    }
    cases.into_iter().flatten().collect()
}

/// A path without the keys in its query that open an operation.
fn without_keys(operation: &Operation, path: &str) -> String {
    let Some((path, query)) = path.split_once('?') else { return path.to_owned() };
    let is_key = |pair: &&str| {
        operation.security.iter().flatten().flatten().any(
            |scheme| matches!(scheme, Scheme::Key(place, key) if place == "query" && pair.split('=').next() == Some(key)),
        )
    };
    let rest: Vec<&str> = query.split('&').filter(|pair| !is_key(pair)).collect();
    if rest.is_empty() { path.to_owned() } else { format!("{path}?{}", rest.join("&")) }
}

/// A request whose timeout is over.
fn expired(operation: &Operation, valid: &Request) -> Option<Case> {
    Case::of(Situation::Expired, operation, "with_a_timeout_of_zero", valid.clone().header(TIMEOUT, "0"))
}

/// A singleton header with two values.
fn contradictory(operation: &Operation, valid: &Request) -> Option<Case> {
    let mut request = valid.clone();
    request.headers.extend(["5000", "6000"].map(|time| (TIMEOUT.into(), time.into())));
    Case::of(Situation::Contradictory, operation, "with_two_different_timeouts", request)
}

/// Invalid keys, and two at once.
fn keys(operation: &Operation, valid: &Request) -> Vec<Case> {
    let too_long = "k".repeat(KEY_LIMIT + 1);
    let quoted = format!("\"{too_long}\"");
    let wrong = [
        ("empty", ""),
        ("quoted_and_empty", "\"\""),
        ("two_words", "two words"),
        ("not_ascii", "clé"),
        ("too_long", &too_long),
        ("quoted_and_too_long", &quoted),
    ];
    let case = |(what, key): (&str, &str)| {
        let name = format!("with_a_key_that_is_{what}");
        let case = Case::of(Situation::WrongKey, operation, &name, valid.clone().header(KEY, key))?;
        Some(case.with(detail("Idempotency-Key must be 1 to 255 characters")))
    };
    let fits = |what: &str, key: String| {
        let name = format!("with_a_key_that_is_{what}");
        Some(Case::within_limits(operation, &name, valid.clone().header(KEY, key)))
    };
    let longest = format!("\"{}{}\"", operation.id, "k".repeat(KEY_LIMIT.saturating_sub(operation.id.len())));
    let within = [fits("as_short_as_it_may_be", "k".into()), fits("as_long_as_it_may_be", longest)];
    let mut twice = valid.clone();
    twice.headers.extend(["one", "other"].map(|key| (KEY.into(), key.into())));
    let twice = Case::of(Situation::Contradictory, operation, "with_two_idempotency_keys", twice);
    wrong.into_iter().map(case).chain([twice]).chain(within).flatten().collect()
}

/// Unknown methods of a path, and unknown paths.
fn methods(deployment: &Deployment) -> Vec<Case> {
    CONTRACT.documents.iter().flat_map(|document| methods_of(document, deployment)).collect()
}

fn methods_of(document: &Document, deployment: &Deployment) -> Vec<Case> {
    let service = document.service;
    let Some(first) = document.operations.first() else { return Vec::new() };
    let request = |method: &str, path: &str| {
        let request = with_headers(Request::new(service, method, path), deployment);
        with_token(&first.security, request, &deployment.service(service).token)
    };
    let case = |situation, name: String, request| {
        Some(Case { name: format!("{service}::{name}"), ..Case::of(situation, first, "", request)? })
    };
    let mut cases = Vec::new();
    let templates = || document.json["paths"].as_object().into_iter().flatten();
    for (template, path) in templates() {
        let mut known: BTreeSet<String> =
            contract::methods(path).map(|(method, _)| method.to_uppercase()).collect();
        if known.contains("GET") {
            known.insert("HEAD".into());
        }
        known.insert("OPTIONS".into());
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let (verb, situation) = match method {
                "OPTIONS" => ("names_the_methods", Situation::Options),
                method if known.contains(method) => continue,
                _ => ("is_not_allowed", Situation::UnknownMethod),
            };
            let name = format!("{}_{verb}_at_{template}", method.to_lowercase());
            let Some(mut case) = case(situation, name, request(method, &path_of(document, template))) else {
                continue;
            };
            case.text = case.text.filter(|_| method != "HEAD");
            let allow = Expectation::Elements("Allow", known.clone());
            cases.push(if subject().profile.allow { case.with(allow) } else { case });
        }
    }
    // Longer than every path that there is.
    let longest =
        templates().map(|(template, _)| template).max_by_key(|template| template.split('/').count());
    let beyond = format!("{}/nothing", longest.map_or(String::new(), |longest| path_of(document, longest)));
    for path in ["/nothing", &beyond, "//", "/openapi.yaml"] {
        let case = case(Situation::UnknownPath, format!("nothing_is_found_at_{path}"), request("GET", path));
        let json = Expectation::Header("Content-Type", "application/json".into());
        cases
            .extend(case.map(|case| if subject().profile.bare_media_types { case.with(json) } else { case }));
    }
    cases
}

/// A path of `template`, with examples for its parameters.
fn path_of(document: &Document, template: &str) -> String {
    let operation = document.operations.iter().find(|operation| operation.template == template);
    operation.map_or_else(|| template.to_owned(), |operation| operation.path_with(|_| None))
}

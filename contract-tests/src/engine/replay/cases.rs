//! The cases of every operation, generated from the documents.

use std::collections::BTreeSet;

use super::{
    bodies,
    case::{Case, Expectation, valid_request},
    limits,
};
use crate::engine::{
    contract::{self, CONTRACT, Document, Operation},
    deployment::{Deployment, SERVICES},
    exchange::Request,
};

/// Names a request, so that it can be repeated.
const KEY: &str = "Idempotency-Key";

/// Says how many milliseconds the caller waits.
const TIMEOUT: &str = "X-Request-Timeout-Ms";

/// How many characters a key may have.
const KEY_LIMIT: usize = 255;

/// Every case of every operation, and of every path.
pub fn cases(deployment: &Deployment) -> Vec<Case> {
    let of_operations = CONTRACT.operations().flat_map(|operation| {
        let valid = valid_request(operation, deployment);
        let mut cases = unauthenticated(operation, &valid, deployment);
        cases.push(expired(operation, &valid));
        cases.push(contradictory(operation, &valid));
        if operation.body.is_some() {
            cases.extend(bodies::wholes(operation, &valid));
            cases.extend(bodies::fields(operation, &valid));
        }
        cases.extend(limits::names(operation, &valid));
        cases.extend(limits::limits(operation, &valid));
        if operation.takes_key {
            cases.extend(keys(operation, &valid));
        }
        cases
    });
    of_operations.chain(methods(deployment)).collect()
}

/// Requests without the right token get 401.
fn unauthenticated(operation: &Operation, valid: &Request, deployment: &Deployment) -> Vec<Case> {
    let service = operation.service;
    let token = &deployment.service(service).token;
    let refused = |name: &str, authorization: &[&str]| {
        let mut request = valid.clone();
        request.headers.retain(|(name, _)| name != "Authorization");
        let is_bearer = |value: &&str| value.strip_prefix("Bearer ").is_some_and(|token| !token.is_empty());
        let error = if authorization.iter().any(is_bearer) { ", error=\"invalid_token\"" } else { "" };
        let challenge = Expectation::Header("WWW-Authenticate", format!("Bearer realm=\"{service}\"{error}"));
        request.headers.extend(authorization.iter().map(|value| ("Authorization".into(), (*value).into())));
        Case::new(operation, name, request, 401, "Unauthorized").with(challenge).common(operation)
    };
    let right = format!("Bearer {token}");
    let mut cases = vec![
        refused("without_a_token", &[]),
        refused("with_a_wrong_token", &["Bearer wrong"]),
        refused("with_a_wrong_token_of_the_same_length", &[&format!("Bearer {}", "x".repeat(token.len()))]),
        refused("with_the_beginning_of_the_token", &[&right[..right.len() - 1]]),
        refused("with_more_than_the_token", &[&format!("{right}x")]),
        refused("with_the_token_in_another_case", &[&format!("Bearer {}", token.to_lowercase())]),
        refused("with_the_token_in_another_scheme", &[&format!("Basic {token}")]),
        refused("with_the_token_alone", &[token]),
        refused("with_no_token_after_the_scheme", &["Bearer "]),
        refused("with_the_scheme_twice", &[&format!("Bearer {right}")]),
    ];
    // What part 1 leaves open, another implementation may do otherwise.
    let both = [
        refused("with_the_token_and_then_a_wrong_one", &[&right, "Bearer wrong"]),
        refused("with_a_wrong_token_and_then_the_right_one", &["Bearer wrong", &right]),
    ];
    cases.extend(both.map(|case| Case { is_common: false, ..case }));
    cases.extend(SERVICES.iter().filter(|other| **other != service).map(|other| {
        let token = &deployment.service(other).token;
        refused(&format!("with_the_token_of_{other}"), &[&format!("Bearer {token}")])
    }));
    cases
}

/// A request whose timeout is over gets 503.
fn expired(operation: &Operation, valid: &Request) -> Case {
    let request = valid.clone().header(TIMEOUT, "0");
    Case::new(operation, "with_no_time_left", request, 503, "Service unavailable")
}

/// A singleton header with two values is malformed.
fn contradictory(operation: &Operation, valid: &Request) -> Case {
    let mut request = valid.clone();
    request.headers.extend(["5000", "6000"].map(|time| (TIMEOUT.into(), time.into())));
    Case::new(operation, "with_two_times_to_wait", request, 400, "Malformed request")
}

/// A key that is none, and two.
fn keys(operation: &Operation, valid: &Request) -> Vec<Case> {
    let too_long = "k".repeat(KEY_LIMIT + 1);
    let quoted = format!("\"{too_long}\"");
    let wrong = [
        ("empty", ""),
        ("quoted_and_empty", "\"\""),
        ("two_words", "two words"),
        ("no_ascii", "clé"),
        ("too_long", &too_long),
        ("quoted_and_too_long", &quoted),
    ];
    let case = |(what, key): (&str, &str)| {
        let request = valid.clone().header(KEY, key);
        let says = Expectation::Detail("Idempotency-Key must be 1 to 255 characters".into());
        Case::new(operation, &format!("with_a_key_that_is_{what}"), request, 400, "Invalid fields").with(says)
    };
    let fits = |what: &str, key: String| {
        Case::within_limits(operation, &format!("with_a_key_that_is_{what}"), valid.clone().header(KEY, key))
    };
    let longest = format!("\"{}{}\"", operation.id, "k".repeat(KEY_LIMIT - operation.id.len()));
    let within = [fits("as_short_as_it_may_be", "k".into()), fits("as_long_as_it_may_be", longest)];
    let mut twice = valid.clone();
    twice.headers.extend(["one", "other"].map(|key| (KEY.into(), key.into())));
    let twice = Case::new(operation, "with_two_keys", twice, 400, "Malformed request");
    wrong.into_iter().map(case).chain([twice]).chain(within).collect()
}

/// Unknown methods of a path get 405, and unknown paths 404.
fn methods(deployment: &Deployment) -> Vec<Case> {
    CONTRACT.documents.iter().flat_map(|document| methods_of(document, deployment)).collect()
}

fn methods_of(document: &Document, deployment: &Deployment) -> Vec<Case> {
    let service = document.service;
    let token = &deployment.service(service).token;
    let mut cases = Vec::new();
    let templates = document.json["paths"].as_object().expect("paths");
    for (template, path) in templates {
        let mut known: BTreeSet<String> =
            contract::methods(path).map(|(method, _)| method.to_uppercase()).collect();
        if known.contains("GET") {
            known.insert("HEAD".into());
        }
        known.insert("OPTIONS".into());
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let (verb, status) = match method {
                "OPTIONS" => ("names_the_methods", 204),
                method if known.contains(method) => continue,
                _ => ("is_not_allowed", 405),
            };
            let has_body = status == 405 && method != "HEAD";
            cases.push(Case {
                name: format!("{service}::{}_{verb}_at_{template}", method.to_lowercase()),
                request: Request::new(service, method, path_of(document, template)).token(token),
                status: Some(status),
                text: has_body.then(|| "Method not allowed".into()),
                further: Expectation::Elements("Allow", known.clone()),
                is_common: false,
            });
        }
    }
    // Longer than every path that there is.
    let longest = templates.keys().max_by_key(|template| template.split('/').count()).expect("a path");
    let beyond = format!("{}/nothing", path_of(document, longest));
    for path in ["/nothing", &beyond, "//", "/openapi.yaml"] {
        cases.push(Case {
            name: format!("{service}::nothing_is_found_at_{path}"),
            request: Request::new(service, "GET", path).token(token),
            status: Some(404),
            text: Some("Not found".into()),
            further: Expectation::Header("Content-Type", "application/json".into()),
            is_common: false,
        });
    }
    cases
}

/// A path of `template`, with examples for its parameters.
fn path_of(document: &Document, template: &str) -> String {
    let operation = document.operations.iter().find(|operation| operation.template == template);
    operation.map_or_else(|| template.to_owned(), |operation| operation.path_with(|_| None))
}

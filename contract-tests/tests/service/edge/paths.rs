//! Which paths exist, and their methods.

use std::collections::BTreeSet;

use contract_tests::{
    engine::{contract::CONTRACT, deployment::SERVICES},
    harness::caller::Caller,
};

use super::{Expected, FINE, check};
use crate::start;

#[test]
fn every_path_follows_one_rule() {
    const NOWHERE: Expected = (404, "Not found", true);
    let forms = |path: &str| {
        let (first, rest) = path[1..].split_at(1);
        let encoded = format!("%{:02X}{rest}", first.as_bytes()[0]);
        let lower = format!("%{:02x}{rest}", first.as_bytes()[0]);
        [
            (path.to_owned(), true),
            (format!("{path}/"), true),
            (format!("/{encoded}"), true),
            (format!("/{lower}/"), true),
            (format!("{path}?a=/b/"), true),
            (format!("{path}//"), false),
            (format!("/{path}"), false),
            (format!("//{rest}"), false),
            (format!("{path}%2F"), false),
            (format!("/%2F{}", &path[1..]), false),
            (format!("{path}%00"), false),
            (format!("{path}%ff"), false),
            (format!("{path}%"), false),
            (format!("/.{path}"), false),
            (format!("{path}/."), false),
            (path.to_uppercase(), false),
        ]
    };
    let mut cases = vec![];
    for path in ["/livez", "/readyz", "/docs", "/openapi.json", "/metrics"] {
        cases.extend(forms(path).map(|(path, is_known)| (path, if is_known { FINE } else { NOWHERE })));
    }
    // Another method than the operation's: known, and nothing is done.
    const KNOWN: Expected = (405, "Method not allowed", true);
    let mut operations = vec![];
    for &service in SERVICES.iter() {
        operations.extend(forms(&format!("/{service}")).map(|(path, is_known)| (service, path, is_known)));
        let id = format!("/{service}/1");
        for (path, is_known) in [
            (id.clone(), true),
            (format!("{id}/"), true),
            (format!("/{service}/%31"), true),
            (format!("/{service}/%31/"), true),
            (format!("/{service}%2F1"), false),
            (format!("/{service}//1"), false),
            (format!("/{service}/1//"), false),
        ] {
            operations.push((service, path, is_known));
        }
    }
    let request = |method: &str, path: &str| format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    let cases: Vec<(String, Expected)> =
        cases.into_iter().map(|(path, expected)| (request("GET", &path), expected)).collect();
    let cases: Vec<(&str, Expected)> =
        cases.iter().map(|(request, expected)| (request.as_str(), *expected)).collect();
    check("", &cases);

    let (_store, session) = start(&[]);
    for (service, path, is_known) in operations {
        // `/{service}/.` is an id that is none.
        let is_known = is_known || path.ends_with("/.");
        let mut caller = Caller::connect(&session, service);
        caller.send(request("PATCH", &path));
        let response = caller.response().unwrap();
        let (status, text, _) = if is_known { KNOWN } else { NOWHERE };
        assert_eq!((response.status, response.error().as_deref()), (status, Some(text)), "{path}");
    }
}

#[test]
fn options_names_the_methods_of_a_known_path() {
    let (_store, session) = start(&[]);
    for &service in SERVICES.iter() {
        let allow = |path: &str| {
            let mut caller = Caller::connect(&session, service);
            caller.send(format!("OPTIONS {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
            let response = caller.response().unwrap();
            assert!(caller.goes_on());
            (response.status, response.header("Allow").map(ToOwned::to_owned), response.body.len())
        };
        for path in ["/", "/docs", "/docs/", "/openapi.json", "/livez", "/readyz", "/metrics"] {
            assert_eq!(allow(path), (204, Some("GET, HEAD, OPTIONS".into()), 0), "{path}");
        }
        for document in CONTRACT.documents.iter().filter(|document| document.service == service) {
            for operation in &document.operations {
                let (status, allow, length) = allow(&operation.path("1"));
                assert_eq!((status, length), (204, 0));
                let allow = allow.unwrap();
                let allowed: BTreeSet<&str> = allow.split(", ").collect();
                let of_path = document.operations.iter().filter(|other| other.template == operation.template);
                let mut expected: BTreeSet<&str> = of_path.map(|other| other.method.as_str()).collect();
                if expected.contains("GET") {
                    expected.insert("HEAD");
                }
                expected.insert("OPTIONS");
                assert_eq!(allowed, expected, "{}", operation.template);
            }
        }
        assert_eq!(allow("*"), (204, None, 0));
        assert_eq!(allow("/nowhere").0, 404);
    }
}

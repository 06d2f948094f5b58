//! HTTP/1.1 at the edge, to the letter of RFC 9110 and RFC 9112, over raw sockets on all services. Each rule is a
//! table of requests, responses, and whether the connection ends. Only a 201 stores anything.

mod fields;
mod parsing;
mod paths;

use contract_tests::{
    engine::deployment::SERVICES,
    harness::caller::{Caller, fill},
};

use crate::start;

/// The status and the text of a response, and whether the connection goes on after it.
type Expected = (u16, &'static str, bool);

const CREATED: Expected = (201, "", true);
const FINE: Expected = (200, "", true);
const MALFORMED: Expected = (400, "Malformed request", false);

/// Every service responds to `start_with` and the rest of each case as the case says.
fn check(start_with: &str, cases: &[(&str, Expected)]) {
    let (store, session) = start(&[]);
    for &service in SERVICES.iter() {
        for (rest, expected) in cases {
            let request = fill(&format!("{start_with}{rest}"), &session, service);
            let before = store.rows(service);
            let mut caller = Caller::connect(&session, service);
            caller.send(&request);
            let response = caller.response().unwrap_or_else(|| panic!("no response to {request:?}"));
            let text = response.error().unwrap_or_default();
            let goes_on = caller.goes_on();
            assert_eq!((response.status, text.as_str(), goes_on), *expected, "{request}\n{response}");
            let says_close = response.header("connection") == Some("close");
            assert_eq!(says_close, !goes_on, "it says so: {request}\n{response}");
            assert_eq!(
                store.rows(service) - before,
                i64::from(response.status == 201),
                "{request}\n{response}"
            );
        }
    }
}

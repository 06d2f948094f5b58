//! Any request to an operation gets a documented response, never a 5xx and never a timeout, and a refused request stores nothing:
//! `cargo test --test fuzz`; `FUZZ_CASES` sets the number of cases.
//!
//! The operations come from the documents, so a new operation is included automatically.

#![allow(clippy::expect_used, reason = "a test that cannot go on says why by panicking")]

use std::process::ExitCode;

use contract_tests::{
    engine::{
        contract::{CONTRACT, Operation},
        exchange::Request,
        failure::Failure,
        property::{Effort, run},
        replay::{case, situations},
        session::Session,
    },
    harness::store::Store,
    suite::judged,
};
use libtest_mimic::{Arguments, Failed, Trial};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if !arguments.list {
        judged::tell(judged::of_new_stores);
    }
    let cases = contract_tests::harness::environment::number("FUZZ_CASES", 300);
    let trial = |operation: &'static Operation| {
        let effort = Effort { cases, always_the_same: false };
        Trial::test(format!("fuzz::{}", operation.id), move || fuzz(operation, effort))
    };
    libtest_mimic::run(&arguments, CONTRACT.operations().map(trial).collect()).exit_code()
}

/// What is unusual about a request.
#[derive(Clone, Debug)]
enum Oddity {
    /// A body of any bytes.
    Bytes(Vec<u8>),
    /// A body of any JSON.
    Json(Value),
    /// A body like the example, but with any JSON in place of some of its fields, and some more.
    Fields(Vec<(prop::sample::Index, Value)>, Map<String, Value>),
    /// A header of any value that can be sent.
    Header(String, Vec<u8>),
    /// Any bytes in place of one of the path's parameters.
    Path(prop::sample::Index, Vec<u8>),
    /// A query of any bytes.
    Query(Vec<u8>),
    /// A parameter of the query, with any bytes for its value.
    Parameter(prop::sample::Index, Vec<u8>),
}

/// What clients send beside the parameters of an operation.
const HEADERS: [&str; 11] = [
    "Authorization",
    "Content-Type",
    "Accept",
    "X-Request-Id",
    "Content-Encoding",
    "Expect",
    "If-None-Match",
    "Range",
    "Cookie",
    "traceparent",
    "tracestate",
];

/// The names of the parameters that `operation` has in this place.
fn parameters(operation: &Operation, place: &str) -> Vec<String> {
    let of_place = operation.parameters().filter(|parameter| parameter["in"] == place);
    of_place.filter_map(|parameter| parameter["name"].as_str().map(str::to_owned)).collect()
}

fn oddity(operation: &Operation) -> impl Strategy<Value = Oddity> + use<> {
    let known = HEADERS.map(str::to_owned);
    let header =
        prop::sample::select(known.into_iter().chain(parameters(operation, "header")).collect::<Vec<_>>());
    let value = prop::collection::vec(prop_oneof![Just(b'\t'), 0x20..0x7f_u8, 0x80..=0xff_u8], 0..300);
    let fields = prop::collection::vec((any::<prop::sample::Index>(), any_json()), 0..3);
    let more = prop::collection::hash_map("\\PC{0,20}", any_json(), 0..3);
    prop_oneof![
        2 => prop::collection::vec(any::<u8>(), 0..2000).prop_map(Oddity::Bytes),
        2 => any_json().prop_map(Oddity::Json),
        6 => (fields, more).prop_map(|(fields, more)| Oddity::Fields(fields, more.into_iter().collect())),
        3 => (header, value).prop_map(|(name, value)| Oddity::Header(name, value)),
        2 => (any::<prop::sample::Index>(), any_segment())
            .prop_map(|(index, segment)| Oddity::Path(index, segment)),
        1 => any_bytes().prop_map(Oddity::Query),
        2 => (any::<prop::sample::Index>(), any_bytes())
            .prop_map(|(index, value)| Oddity::Parameter(index, value)),
    ]
}

/// Clients take dots for a way through the folders, and do not send them.
fn any_segment() -> impl Strategy<Value = Vec<u8>> {
    any_bytes().prop_filter("dots", |segment| segment != b"." && segment != b"..")
}

/// Text, digits, and bytes that are not UTF-8.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "\\PC{0,60}".prop_map(String::into_bytes),
        "[0-9]{0,30}".prop_map(String::into_bytes),
        "[0-9]{1,5}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..60),
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let edge = prop::sample::select(vec![
        json!(0),
        json!(-1),
        json!(1),
        json!(9_007_199_254_740_991_i64),
        json!(9_007_199_254_740_992_i64),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1e12),
        json!(1e300),
        json!(0.1),
        json!(""),
        json!("1"),
        json!("\u{0}"),
    ]);
    let leaf = prop_oneof![
        3 => edge,
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        2 => "\\PC{0,300}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("\\PC{0,10}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn fuzz(operation: &Operation, effort: Effort) -> Result<(), Failed> {
    let (store, session) =
        Store::start_with_session(env!("CARGO_BIN_EXE_store-under-test"), &[("RUST_LOG", "warn")]);
    situations::prepare(&session)?;
    let valid = case::valid_request(operation, &session.deployment);
    run(effort, prop::collection::vec(oddity(operation), 1..3), |oddities| {
        let request =
            oddities.into_iter().fold(valid.clone(), |request, oddity| oddity.apply(operation, request));
        let before = store.rows(operation.service);
        let response = session.send(&request)?;
        if response.status >= 500 {
            return Err(session.failure(&request, &response, "no failure of the service"));
        }
        let stored = store.rows(operation.service) - before;
        let is_done = response.status < 300;
        // A part of another resource is not a resource of its own.
        let is_part = operation.template.matches('{').count() > 1;
        let expected = match request.method.as_str() {
            _ if is_part => 0,
            "DELETE" => -i64::from(is_done),
            _ => i64::from(response.status == 201),
        };
        if stored != expected {
            let expected = format!("{expected} more to be stored, and not {stored}");
            return Err(session.failure(&request, &response, &expected));
        }
        is_well(&session, operation)
    })?;
    store.check_logs();
    Ok(())
}

/// Afterwards the service does its work as before.
fn is_well(session: &Session, operation: &Operation) -> Result<(), Failure> {
    session.expect(&Request::new(operation.service, "GET", "/readyz"), 200, None).map(drop)
}

impl Oddity {
    fn apply(self, operation: &Operation, request: Request) -> Request {
        match self {
            Self::Bytes(_) | Self::Json(_) | Self::Fields(..) if operation.body.is_none() => request,
            Self::Bytes(bytes) => request.raw_json(bytes),
            Self::Json(value) => request.json(&value),
            Self::Fields(fields, more) => {
                let mut body = operation.example().unwrap_or_default();
                // A body that has no fields is replaced by an object.
                let Some(object) = body.as_object_mut().filter(|fields| !fields.is_empty()) else {
                    return request.json(&Value::Object(more));
                };
                for (index, value) in fields {
                    let name = object.keys().nth(index.index(object.len())).expect("a field").clone();
                    object.insert(name, value);
                }
                object.extend(more);
                request.json(&body)
            }
            // Bytes that are not UTF-8 become a replacement character, which is not ASCII either.
            Self::Header(name, value) => {
                request.header(&name, String::from_utf8_lossy(&value).trim().to_owned())
            }
            Self::Path(index, segment) => {
                let names = parameters(operation, "path");
                let segment = escape(&segment);
                let path = operation.path_with(|name| {
                    (!names.is_empty() && names[index.index(names.len())] == name).then(|| segment.clone())
                });
                Request { path, ..request }
            }
            Self::Query(query) => in_query(request, &escape(&query)),
            Self::Parameter(index, value) => {
                let names = parameters(operation, "query");
                match names.is_empty() {
                    true => request,
                    false => {
                        let name = &names[index.index(names.len())];
                        in_query(request, &format!("{name}={}", escape(&value).replace('&', "%26")))
                    }
                }
            }
        }
    }
}

fn in_query(request: Request, query: &str) -> Request {
    let separator = if request.path.contains('?') { '&' } else { '?' };
    Request { path: format!("{}{separator}{query}", request.path), ..request }
}

/// What a URL cannot have, as percent-encoded bytes.
fn escape(bytes: &[u8]) -> String {
    let escape = |byte: u8| match byte {
        b'!' | b'$'..=b'.' | b'0'..=b';' | b'=' | b'@'..=b'Z' | b'_' | b'a'..=b'z' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    bytes.iter().copied().map(escape).collect()
}

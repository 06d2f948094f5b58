//! Promises that take more than one request to check, generated from the documents.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use super::{
    case::{create, valid_request},
    parameters,
};
use crate::engine::{
    contract::{CONTRACT, Operation, resolve},
    exchange::{Answer, Request},
    facets,
    session::{Failure, Session},
};

const KEY: &str = "Idempotency-Key";
const REPLAYED: &str = "Idempotency-Replayed";
const TIMEOUT: &str = "X-Request-Timeout-Ms";

/// How many bodies are sent under one key at once.
const BODIES: u64 = 4;

/// A promise, and an operation that makes it.
pub struct Promise {
    /// `<operation>::<what is promised>`
    pub name: String,
    operation: &'static Operation,
    check: Check,
}

impl Promise {
    /// Sends requests that would show that it is not kept.
    ///
    /// # Errors
    /// It is not.
    pub fn check(&self, session: &Session) -> Result<(), Failure> {
        (self.check)(session, &valid_request(self.operation, &session.deployment).header(KEY, unused_key()))
    }
}

/// Sends a request, which has a key that nobody has used, in ways that would show that a promise is not kept.
type Check = Box<dyn Fn(&Session, &Request) -> Result<(), Failure> + Send>;

/// The same for a promise about keys.
type OfKey = fn(&Session, &Request) -> Result<(), Failure>;

/// Every promise of every operation.
pub fn all() -> impl Iterator<Item = Promise> {
    let of_keys: [(&str, OfKey); 4] = [
        ("what_was_refused_with_503_is_not_done", refused_is_not_done),
        ("what_is_sent_again_is_answered_again_and_says_so", sent_again),
        ("of_many_bodies_under_one_key_one_is_done", many_bodies),
        ("a_key_opens_nothing_for_strangers", unauthenticated),
    ];
    let creating = CONTRACT.operations().filter(|operation| operation.takes_key);
    let of_keys = creating.flat_map(move |operation| {
        of_keys.map(|(name, check)| Promise {
            name: format!("{}::{name}", operation.id),
            operation,
            check: Box::new(check),
        })
    });
    let of_parameters = CONTRACT.operations().flat_map(|operation| {
        let queries =
            facets::parameters(operation.declaration()).filter(|parameter| parameter["in"] == "query");
        queries.map(move |parameter| Promise {
            name: format!(
                "{}::{}_makes_a_difference",
                operation.id,
                parameter["name"].as_str().unwrap_or_default()
            ),
            operation,
            check: Box::new(move |session, request| {
                makes_a_difference(session, operation, request, parameter)
            }),
        })
    });
    of_keys.chain(of_parameters)
}

/// A parameter that changes no answer is not read.
fn makes_a_difference(
    session: &Session,
    operation: &Operation,
    request: &Request,
    parameter: &Value,
) -> Result<(), Failure> {
    for _ in 0..2 {
        session.expect(&create(session, operation.service), 201, None)?;
    }
    let document = &CONTRACT.document(operation.service).json;
    let without = session.expect(request, 200, None)?;
    let within =
        facets::limits(resolve(document, &parameter["schema"])).into_iter().filter(|limit| limit.is_within);
    let values = within.filter_map(|limit| limit.value).chain([facets::example(document, parameter).into()]);
    for value in values {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let with = session.send(&parameters::with(operation, request, parameter, &text))?;
        if with.body != without.body {
            return Ok(());
        }
    }
    Err(session.failure(request, &without, &format!("another answer with `{}`", parameter["name"])))
}

/// If it had been done, the same key would be answered from what was stored.
fn refused_is_not_done(session: &Session, request: &Request) -> Result<(), Failure> {
    session.expect(&request.clone().header(TIMEOUT, "0"), 503, Some("Service unavailable"))?;
    let answer = session.expect(request, 201, None)?;
    expect_replayed(session, request, &answer, false)
}

fn sent_again(session: &Session, request: &Request) -> Result<(), Failure> {
    let first = session.expect(request, 201, None)?;
    expect_replayed(session, request, &first, false)?;
    let again = session.expect(request, 201, None)?;
    expect_replayed(session, request, &again, true)?;
    if again.body != first.body || again.header("Location") != first.header("Location") {
        return Err(session.failure(request, &again, &String::from_utf8_lossy(&first.body)));
    }
    Ok(())
}

fn many_bodies(session: &Session, request: &Request) -> Result<(), Failure> {
    let requests: Vec<Request> = (1..=BODIES).map(|number| with_another_body(request, number)).collect();
    let answers = thread::scope(|scope| {
        let callers: Vec<_> = requests.iter().map(|request| scope.spawn(|| session.send(request))).collect();
        callers.into_iter().map(|caller| caller.join().expect("a caller")).collect::<Result<Vec<_>, _>>()
    })?;
    let mut done = 0;
    for (request, answer) in requests.iter().zip(&answers) {
        match answer.status {
            201 => done += 1,
            409 | 422 => {}
            _ => return Err(session.failure(request, answer, "201 once, and else 409 or 422")),
        }
        if done > 1 {
            return Err(session.failure(request, answer, "409 or 422, since another body has the key"));
        }
    }
    let last = with_another_body(request, BODIES + 1);
    match done {
        1 => session.expect(&last, 422, Some("Idempotency key reused")).map(drop),
        _ => Err(session.failure(&requests[0], &answers[0], "201 for one of them")),
    }
}

fn unauthenticated(session: &Session, request: &Request) -> Result<(), Failure> {
    session.expect(request, 201, None)?;
    session.expect(&request.clone().token("not-the-token"), 401, Some("Unauthorized")).map(drop)
}

fn expect_replayed(
    session: &Session,
    request: &Request,
    answer: &Answer,
    is_replayed: bool,
) -> Result<(), Failure> {
    let expected = is_replayed.then_some("true");
    if answer.header(REPLAYED) != expected {
        let expected =
            format!("{REPLAYED}: {}", expected.unwrap_or("(not there, since it is the first answer)"));
        return Err(session.failure(request, answer, &expected));
    }
    Ok(())
}

/// The same request, but for a number that names nothing.
fn with_another_body(request: &Request, number: u64) -> Request {
    let mut body: Value = serde_json::from_slice(&request.body).expect("a JSON body");
    let fields = body.as_object_mut().expect("an object").iter_mut();
    let mut numbers = fields.filter(|(name, value)| value.is_number() && !name.ends_with("_id"));
    *numbers.next().expect("a number").1 = number.into();
    request.clone().json(&body)
}

/// An unused key. Other callers may use the same store.
fn unused_key() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("promise-{now:x}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

//! Promises that take more than one request to check, generated from the documents.

use std::thread;

use serde_json::Value;

use super::{
    case::{Finding, creating, unused_key, valid_request},
    items, parameters,
};
use crate::engine::{
    contract::{CONTRACT, Operation},
    exchange::{KEY, Request, Response, TIMEOUT, written},
    facets,
    failure::Failure,
    limits::limits as limits_of,
    profile::Situation,
    schema::resolve,
    session::Session,
    subject::subject,
};

const REPLAYED: &str = "Idempotency-Replayed";

const MANY_BODIES: &str = "only_one_of_many_bodies_with_the_same_key_succeeds";

/// How many bodies are sent under one key at once.
const BODIES: usize = 4;

/// A promise, and an operation that makes it.
pub struct Promise {
    /// `<operation>::<what is promised>`
    pub name: String,
    operation: &'static Operation,
    check: Check,
}

impl Promise {
    /// The service that makes it.
    pub fn service(&self) -> &'static str {
        self.operation.service
    }

    /// Sends requests that would show that it is not kept.
    ///
    /// # Errors
    /// It is not.
    pub fn check(&self, session: &Session) -> Result<Finding, Failure> {
        let valid = valid_request(self.operation, &session.deployment);
        let request = if self.operation.accepts_key { valid.header(KEY, unused_key()) } else { valid };
        (self.check)(session, &request)
    }
}

/// Sends a request, which has an unused key if it may have one, in ways that would show that a promise is not kept.
type Check = Box<dyn Fn(&Session, &Request) -> Result<Finding, Failure> + Send + Sync>;

/// The same for a promise about keys.
type OfKey = fn(&Session, &Request) -> Result<(), Failure>;

/// Every promise of every operation.
pub fn all() -> impl Iterator<Item = Promise> {
    let profile = &subject().profile;
    let creating =
        CONTRACT.operations().filter(|operation| operation.accepts_key && profile.idempotency_keys);
    let of_keys = creating.filter(|operation| !operation.needs_other_body()).flat_map(of_keys);
    let all = CONTRACT.operations().filter(|_| profile.parameters_make_a_difference);
    let of_parameters = all.flat_map(|operation| {
        let queries = operation.parameters().filter(|parameter| parameter["in"] == "query");
        queries.map(move |parameter| Promise {
            name: format!(
                "{}::{}_makes_a_difference",
                operation.id,
                parameter["name"].as_str().unwrap_or_default()
            ),
            operation,
            check: Box::new(move |session, request| {
                makes_a_difference(session, operation, request, parameter).map(kept)
            }),
        })
    });
    of_keys.chain(of_parameters).chain(of_items()).chain(of_heads())
}

fn of_keys(operation: &'static Operation) -> impl Iterator<Item = Promise> {
    let of_keys: [(&str, OfKey); 4] = [
        ("a_request_refused_with_503_has_no_effect", refused_is_not_done),
        ("a_repeated_request_gets_the_stored_response", sent_again),
        (MANY_BODIES, many_bodies),
        ("a_key_does_not_replace_the_token", unauthenticated),
    ];
    // Without fields, there are no other bodies.
    let has_fields = operation.example().is_some_and(|example| example.is_object());
    let of_keys = of_keys.into_iter().filter(move |(name, _)| has_fields || *name != MANY_BODIES);
    of_keys.map(move |(name, check)| Promise {
        name: format!("{}::{name}", operation.id),
        operation,
        check: Box::new(move |session, request| check(session, request).map(kept)),
    })
}

fn kept((): ()) -> Finding {
    Finding::Kept
}

/// The same for a promise about what is created and deleted.
type OfItem = fn(&Session, &Operation) -> Result<Finding, Failure>;

fn of_items() -> impl Iterator<Item = Promise> {
    let profile = &subject().profile;
    let of_deleting: [(&str, OfItem, bool); 2] = [
        ("a_deleted_item_is_gone", |session, it| items::deleted_is_gone(session, it).map(kept), true),
        (
            "ids_are_not_reused",
            |session, it| items::ids_are_not_reused(session, it).map(kept),
            profile.ids_are_given_once,
        ),
    ];
    let is_read_back = !profile.workflows_show_all;
    type Can = fn(&Operation) -> bool;
    let of_creating: [(&str, OfItem, Can); 2] = [
        ("a_created_item_can_be_read", items::created_can_be_read, items::can_be_read),
        ("a_created_item_is_listed_once", items::created_is_listed_once, items::can_be_listed),
    ];
    let promise = |operation: &'static Operation, name: &str, check: OfItem| Promise {
        name: format!("{}::{name}", operation.id),
        operation,
        check: Box::new(move |session, _| check(session, operation)),
    };
    CONTRACT.operations().filter(|operation| !operation.needs_other_body()).flat_map(move |operation| {
        let deletes = operation.method == "DELETE" && operation.creator().is_some();
        let deleting = of_deleting.into_iter().filter(move |(.., asked)| *asked && deletes);
        let creating = of_creating.into_iter().filter(move |(.., can)| is_read_back && can(operation));
        let creating = creating.map(|(name, check, _)| (name, check));
        let deleting = deleting.map(|(name, check, _)| (name, check));
        deleting.chain(creating).map(move |(name, check)| promise(operation, name, check))
    })
}

fn of_heads() -> impl Iterator<Item = Promise> {
    let heads = CONTRACT.operations().filter(|_| subject().profile.heads);
    heads.filter(|operation| operation.method == "GET").map(|operation| Promise {
        name: format!("{}::a_head_request_gets_the_same_headers", operation.id),
        operation,
        check: Box::new(|session, get| items::head_is_like_get(session, get).map(kept)),
    })
}

/// A parameter that changes no response is not read.
fn makes_a_difference(
    session: &Session,
    operation: &Operation,
    request: &Request,
    parameter: &Value,
) -> Result<(), Failure> {
    if let Some(creating) = creating(CONTRACT.document(operation.service)) {
        for _ in 0..2 {
            session.expect(&valid_request(creating, &session.deployment), 201, None)?;
        }
    }
    let document = operation.schemas();
    let without = session.send(request)?;
    let within = limits_of(document, &parameter["schema"]).into_iter().filter(|limit| limit.is_within);
    let values = within.filter_map(|limit| limit.value).chain([facets::example(document, parameter).into()]);
    for value in values {
        let with = parameters::replaced(operation, request, parameter, &written(&value));
        let with = session.send(&with)?;
        if with.body != without.body {
            return Ok(());
        }
    }
    Err(session.failure(request, &without, &format!("another response with `{}`", parameter["name"])))
}

/// If the request had been executed, the same key would get its stored response.
fn refused_is_not_done(session: &Session, request: &Request) -> Result<(), Failure> {
    session.expect_exact(&request.clone().header(TIMEOUT, "0"), Situation::Expired)?;
    let response = session.expect(request, 201, None)?;
    expect_replayed(session, request, &response, false)
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
    let mut requests = with_other_bodies(session, request, BODIES + 1)?;
    let last = requests.pop().expect("a request");
    let responses = thread::scope(|scope| {
        let callers: Vec<_> = requests.iter().map(|request| scope.spawn(|| session.send(request))).collect();
        callers.into_iter().map(|caller| caller.join().expect("a caller")).collect::<Result<Vec<_>, _>>()
    })?;
    let mut done = 0;
    for (request, response) in requests.iter().zip(&responses) {
        match response.status {
            201 => done += 1,
            409 | 422 => {}
            _ => return Err(session.failure(request, response, "201 once, and else 409 or 422")),
        }
        if done > 1 {
            return Err(session.failure(request, response, "409 or 422, since another body has the key"));
        }
    }
    match done {
        1 => session.expect_exact(&last, Situation::KeyReused).map(drop),
        _ => Err(session.failure(&requests[0], &responses[0], "201 for one of them")),
    }
}

fn unauthenticated(session: &Session, request: &Request) -> Result<(), Failure> {
    session.expect(request, 201, None)?;
    session.expect_exact(&request.clone().token("not-the-token"), Situation::Unauthorized).map(drop)
}

fn expect_replayed(
    session: &Session,
    request: &Request,
    response: &Response,
    is_replayed: bool,
) -> Result<(), Failure> {
    let expected = is_replayed.then_some("true");
    if response.header(REPLAYED) != expected {
        let expected =
            format!("{REPLAYED}: {}", expected.unwrap_or("(not there, since it is the first response)"));
        return Err(session.failure(request, response, &expected));
    }
    Ok(())
}

/// The same request with `count` other bodies that the service takes: each has another value of the first field for which
/// it takes as many. What is sent to find out creates something.
///
/// # Errors
/// There is no such field.
pub fn with_other_bodies(
    session: &Session,
    request: &Request,
    count: usize,
) -> Result<Vec<Request>, Failure> {
    let document = CONTRACT.document(&request.service);
    let operation = document.find(&request.method, request.path_only()).expect("an operation");
    let schema = operation.body.as_ref().expect("a body");
    let body: Value = serde_json::from_slice(&request.body).expect("a JSON body");
    for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
        let values = other_values(resolve(operation.schemas(), schema), &body[field], count);
        let with = |value: Value| {
            let mut body = body.clone();
            body[field] = value;
            request.clone().json(&body)
        };
        let requests: Vec<Request> =
            values.into_iter().map(with).filter(|request| fits(operation, request)).collect();
        if requests.len() == count && are_taken(session, &requests)? {
            return Ok(requests);
        }
    }
    let response = session.send(request)?;
    Err(session.failure(request, &response, "a field that takes several values, so that bodies can differ"))
}

fn fits(operation: &Operation, request: &Request) -> bool {
    serde_json::from_slice(&request.body).is_ok_and(|body| operation.fits(&body))
}

/// Whether each of these creates something, if it has no key.
fn are_taken(session: &Session, requests: &[Request]) -> Result<bool, Failure> {
    for request in requests {
        let mut request = request.clone();
        request.headers.retain(|(name, _)| name != KEY);
        if session.send(&request)?.status != 201 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `count` values, none of which is `present`, if the schema has as many.
fn other_values(schema: &Value, present: &Value, count: usize) -> Vec<Value> {
    let least = schema["minimum"].as_i64().unwrap_or_default();
    let values: Vec<Value> = match (schema["enum"].as_array(), schema["type"].as_str()) {
        (Some(values), _) => values.clone(),
        (None, Some("string")) => (0..=count).map(|number| format!("{number:03}").into()).collect(),
        (None, Some("integer" | "number")) => {
            (0..=count as i64).filter_map(|number| Some(least.checked_add(number)?.into())).collect()
        }
        _ => Vec::new(),
    };
    values.into_iter().filter(|value| value != present).take(count).collect()
}

//! States of a service that some responses need: rows to read, an overloaded service, a request in flight, a missing table.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use super::case::{unused_key, valid_request};
use crate::engine::{
    connection::Connection,
    contract::{CONTRACT, Document, Operation},
    exchange::{KEY, Request, Response},
    failure::Failure,
    profile::Situation,
    session::Session,
};

/// Makes the things that valid requests name.
///
/// # Errors
/// They cannot be made.
pub fn prepare(session: &Session) -> Result<(), Failure> {
    let creating = CONTRACT.operations().filter(|operation| operation.creates());
    creating
        .map(|operation| session.expect(&valid_request(operation, &session.deployment), 201, None))
        .try_for_each(|it| it.map(drop))
}

/// Occupies the only place of a service with `endless`, until what is returned is dropped. The service refuses `other` then.
///
/// # Errors
/// It does not respond.
pub fn occupy(endless: &Request, other: &Request, session: &Session) -> Result<Vec<Connection>, Failure> {
    // An occupier may come too late for the only place, and is refused then; one of them gets it.
    let mut occupiers = Vec::new();
    while session.send(other)?.status != 503 {
        occupiers.push(session.occupy(endless));
        assert!(occupiers.len() < 1000, "no request gets the only place");
    }
    Ok(occupiers)
}

/// A full service refuses every operation, with or without a token. The store accepts one request at a time, and no other
/// caller uses it. Returns the requests and responses.
///
/// # Errors
/// It does not.
pub fn refused_while_full(
    document: &Document,
    session: &Session,
) -> Result<Vec<(Request, Response)>, Failure> {
    // Only a body that does not end keeps the service busy for as long as it takes.
    let Some(with_body) = document.operations.iter().find(|operation| operation.body.is_some()) else {
        return Ok(Vec::new());
    };
    let endless = valid_request(with_body, &session.deployment);
    let first = valid_request(&document.operations[0], &session.deployment);
    let _occupiers = occupy(&endless, &first, session)?;
    let mut refused = Vec::new();
    for operation in &document.operations {
        let valid = valid_request(operation, &session.deployment);
        let unauthenticated = Request { headers: Vec::new(), ..valid.clone() };
        for request in [valid, unauthenticated] {
            let response = session.expect_exact(&request, Situation::Full)?;
            if response.header("Retry-After").is_none_or(|seconds| seconds.parse::<u64>().is_err()) {
                return Err(session.failure(&request, &response, "the header Retry-After: <seconds>"));
            }
            refused.push((request, response));
        }
    }
    Ok(refused)
}

/// While a request with a key is in flight, the same request gets 409; afterwards it gets the response of the first. The
/// first takes as long as `locked`, which keeps the service's database locked, is held. Returns the request and its 409.
///
/// # Errors
/// It is not so.
pub fn refused_while_in_flight<L>(
    operation: &Operation,
    session: &Session,
    locked: L,
) -> Result<(Request, Response), Failure> {
    let request = valid_request(operation, &session.deployment).header(KEY, unused_key());
    let (answered, responses) = mpsc::channel();
    let (early, late) = thread::scope(|scope| {
        for _ in 0..2 {
            let answered = answered.clone();
            let request = &request;
            scope.spawn(move || answered.send(session.send(request)));
        }
        let early = responses.recv().expect("a response");
        drop(locked);
        (early, responses.recv().expect("another response"))
    });
    let (early, late) = (early?, late?);
    session.is_exact(&request, &early, Situation::InProgress)?;
    if late.status != 201 {
        return Err(session.failure(&request, &late, "201, since it was the first"));
    }
    let again = session.expect(&request, 201, None)?;
    if again.body != late.body {
        return Err(session.failure(&request, &again, &String::from_utf8_lossy(&late.body)));
    }
    Ok((request, early))
}

/// While a service lacks its table, each of its operations gets 500 without a cause; when the table is back, each works.
/// `take` takes the table away; it comes back when what `take` returns is dropped.
///
/// # Errors
/// It is not so.
pub fn failing_without_a_table<T>(
    service: &str,
    session: &Session,
    take: impl FnOnce() -> T,
) -> Result<(), Failure> {
    let operations = &CONTRACT.document(service).operations;
    let requests: Vec<Request> =
        operations.iter().map(|operation| valid_request(operation, &session.deployment)).collect();
    let taken = take();
    for request in &requests {
        wait_for(session, request, "500", |response| response.status == 500)?;
        session.expect_exact(request, Situation::Failed)?;
    }
    drop(taken);
    requests.iter().try_for_each(|request| {
        // A `DELETE` names what is not there.
        let works = |response: &Response| {
            response.status < 300 || (request.method == "DELETE" && response.status == 404)
        };
        wait_for(session, request, "the usual response, since the table is back", works)
    })
}

/// What another program writes may not be seen at once.
fn wait_for(
    session: &Session,
    request: &Request,
    what: &str,
    is_it: impl Fn(&Response) -> bool,
) -> Result<(), Failure> {
    let began = Instant::now();
    loop {
        let response = session.send(request)?;
        if is_it(&response) {
            return Ok(());
        }
        if began.elapsed() > Duration::from_secs(5) {
            return Err(session.failure(request, &response, &format!("{what}, within five seconds")));
        }
        thread::yield_now();
    }
}

//! An upstream that fails in every way: the caller gets the documented 400 in time, nothing is stored, the log has the cause, and
//! the service recovers with its upstream: `cargo test -p contract-tests --test upstreams`.

#![allow(clippy::expect_used, reason = "a test that cannot go on says why by panicking")]

mod shared;

use std::{
    fs,
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use contract_tests::{
    engine::{
        deployment::{Deployment, SERVICES, asked_by, variable},
        edges::{self, Edge},
        exchange::Request,
        session::Session,
    },
    harness::{
        metrics::Metrics,
        process,
        store::Store,
        upstream::{Echo, FakeUpstream, FaultMode},
        waiting::{self, SetOnDrop},
    },
};
use libtest_mimic::{Arguments, Failed, Trial};

/// Three seconds, and what it takes to say so.
const IN_TIME: Duration = Duration::from_millis(3500);

/// The failures: name, mode, and the cause in the log.
const FAILURES: [(&str, FaultMode, &str); 32] = [
    ("refuses", FaultMode::Refuses, "Connection refused"),
    ("says_nothing", FaultMode::SaysNothing, "timed out"),
    ("drips_the_head", FaultMode::DripsTheHead, "timed out"),
    ("drips_the_body", FaultMode::DripsTheBody, "timed out"),
    ("breaks_off", FaultMode::BreaksOff, "end of file"),
    ("answers_html", FaultMode::AnswersHtml, "200 OK, text/html, 35 bytes: a body that is no JSON"),
    (
        "answers_other_json",
        FaultMode::AnswersOtherJson,
        "15 bytes of JSON, of another shape at line 1 column 15",
    ),
    ("answers_wrong_types", FaultMode::AnswersWrongTypes, "of another shape at line 1 column 9"),
    ("answers_no_text", FaultMode::AnswersNoText, "not UTF-8"),
    ("answers_a_first_number_out_of_range", FaultMode::AnswersOutOfRange(1), "out of range"),
    ("answers_a_second_number_out_of_range", FaultMode::AnswersOutOfRange(2), "out of range"),
    ("answers_another_id", FaultMode::AnswersAnotherId, "the response has another id"),
    ("redirects", FaultMode::Redirects, "307"),
    ("answers_401", FaultMode::AnswersStatus(401, Some(r#"{"error":"Unauthorized"}"#)), "401"),
    ("answers_500", FaultMode::AnswersStatus(500, Some(r#"{"error":"Internal error"}"#)), "500"),
    ("answers_503", FaultMode::AnswersStatus(503, Some(r#"{"error":"Service unavailable"}"#)), "503"),
    (
        "answers_500_for_people",
        FaultMode::AnswersStatus(500, Some("<h1>Oh no</h1>")),
        "500 Internal Server Error, application/json, 14 bytes",
    ),
    (
        "answers_404_for_people",
        FaultMode::AnswersStatus(404, Some("<h1>Not here</h1>")),
        "404 Not Found, application/json, 17 bytes",
    ),
    ("answers_204", FaultMode::AnswersStatus(204, None), "204"),
    ("answers_201", FaultMode::AnswersStatus(201, None), "201"),
    ("echoes_text", FaultMode::Echoes(200, Echo::Text), "200 OK, text/plain, "),
    ("echoes_json", FaultMode::Echoes(200, Echo::Json), "of another shape at line 1 column "),
    ("echoes_broken_json", FaultMode::Echoes(200, Echo::BrokenJson), "cut off at line 1 column "),
    ("refuses_with_an_echo", FaultMode::Echoes(500, Echo::Text), "500 Internal Server Error, text/plain, "),
    (
        "refuses_with_a_json_echo",
        FaultMode::Echoes(401, Echo::Json),
        "401 Unauthorized: an error message of ",
    ),
    // A later version of the upstream: messages, statuses and values that its document does not have.
    (
        "answers_400_with_a_new_message",
        FaultMode::AnswersStatus(400, Some(r#"{"error":"Region is closed"}"#)),
        "400 Bad Request: Region is closed",
    ),
    (
        "answers_404_with_a_new_message",
        FaultMode::AnswersStatus(404, Some(r#"{"error":"Moved to the archive"}"#)),
        "404 Not Found: Moved to the archive",
    ),
    (
        "answers_a_new_status",
        FaultMode::AnswersStatus(409, Some(r#"{"error":"Being moved","detail":"to a shelf"}"#)),
        "409 Conflict: Being moved",
    ),
    (
        "answers_a_status_without_a_message",
        FaultMode::AnswersStatus(418, None),
        "bytes: JSON without an error message",
    ),
    (
        "answers_a_message_with_a_token",
        FaultMode::AnswersStatus(403, Some(r#"{"error":"authorization no.url is over"}"#)),
        "403 Forbidden: an error message of 28 bytes that is not documented",
    ),
    (
        "is_full_for_longer_than_any_timeout",
        FaultMode::IsFullFor(60),
        "503 Service Unavailable: Service unavailable",
    ),
    ("never_ends", FaultMode::NeverEnds, "a body that is too long"),
];

const PROGRAM: &str = env!("CARGO_BIN_EXE_store-under-test");

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They wait more than they work.
    arguments.test_threads.get_or_insert(12);
    let mut trials = Vec::new();
    let edges: &'static [Result<Edge, String>] = Vec::leak(edges::all());
    for sentence in edges.iter().filter_map(|edge| edge.as_ref().err()) {
        trials.push(Trial::test("upstreams::every_edge_is_in_the_documents", move || Err(sentence.into())));
    }
    for service in SERVICES.iter() {
        let name = format!("upstreams::{service}::asks_whom_the_description_says");
        trials.push(Trial::test(name, move || asks_whom_it_says(service)));
    }
    for edge in edges.iter().flatten() {
        for (name, mode, cause) in FAILURES {
            let name = format!("upstreams::{}::asks_one_that_{name}", edge.service);
            trials.push(Trial::test(name, move || fails(edge, mode, cause)));
        }
        for (name, mode) in [
            ("breaks_off_once", FaultMode::BreaksOffOnce),
            ("is_full_once", FaultMode::IsFullOnce),
            ("hangs_up_between_requests", FaultMode::HangsUp),
            ("resets_between_requests", FaultMode::Resets),
        ] {
            let name = format!("upstreams::{}::asks_one_that_{name}_again", edge.service);
            trials.push(Trial::test(name, move || works(edge, mode)));
        }
    }
    for edge in edges.iter().flatten() {
        for (name, at_once) in [("one_caller", 1), ("twenty_callers", 20)] {
            let name = format!(
                "upstreams::{}::asks_one_that_fell_silent_for_{name}_on_new_connections",
                edge.service
            );
            trials.push(Trial::test(name, move || falls_silent(edge, at_once)));
        }
        let name = format!("upstreams::{}::asks_one_that_is_full_when_it_says", edge.service);
        trials.push(Trial::test(name, move || is_full(edge)));
        let name = format!("upstreams::{}::asks_one_that_is_slow_on_a_second_connection_once", edge.service);
        trials.push(Trial::test(name, move || is_slow(edge)));
        let name = format!("upstreams::{}::takes_not_found_for_an_answer", edge.service);
        trials.push(Trial::test(name, move || finds_nothing(edge)));
        let name = format!("upstreams::{}::asks_once_for_callers_that_come_together", edge.service);
        trials.push(Trial::test(name, move || shared::asks_once(edge)));
        let name = format!("upstreams::{}::asks_no_longer_than_its_caller_waits", edge.service);
        trials.push(Trial::test(name, move || asks_no_longer(edge)));
    }
    trials.push(Trial::test("upstreams::orders::goes_on_while_products_says_nothing", || {
        goes_on(edges.iter().flatten().find(|edge| edge.service == "orders").ok_or("orders asks no service")?)
    }));
    trials.push(Trial::test(
        "upstreams::orders::decides_by_no_stock_that_was_replaced_before_the_order",
        shared::decides_by_no_old_stock,
    ));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn start(edge: &Edge, upstream: &FakeUpstream) -> (Store, Session) {
    let url = upstream.url();
    Store::start_with_session(PROGRAM, &[(&variable(edge.upstream, "URL"), &url)])
}

/// The upstreams of a service are those that the workflows' description names, at the addresses that their documents name.
fn asks_whom_it_says(service: &str) -> Result<(), Failed> {
    let help = process::help(PROGRAM, service);
    let development = Deployment::default();
    for other in SERVICES.iter().filter(|other| **other != service) {
        let setting = format!("[env: {}=]", variable(other, "URL"));
        let asks = help.split_once(&setting).map(|(_, rest)| rest.lines().nth(1).unwrap_or_default().trim());
        let says = asked_by(service).any(|asked| asked == *other);
        if asks.is_some() != says {
            return Err(format!(
                "{service} {} {other}, and x-asks in openapi/store.arazzo.yaml says otherwise",
                if says { "does not ask" } else { "asks" }
            )
            .into());
        }
        let address = development.service(other).url.replace("localhost", "127.0.0.1");
        if let Some(asks) = asks.filter(|asks| *asks != format!("[default: {address}]")) {
            return Err(format!("{service} asks {other} at {asks}, and it is at {address}").into());
        }
    }
    Ok(())
}

fn fails(edge: &'static Edge, mode: FaultMode, cause: &str) -> Result<(), Failed> {
    let mut upstream = FakeUpstream::start(&edge.answer, mode);
    let (mut store, session) = start(edge, &upstream);

    refuses_in_time(edge, &session)?;
    session.expect(&edge.read_first(&session), 404, None)?;
    upstream.recover();
    let created = session.expect(&edge.create(&session), 201, None)?;
    if created.id() != 1 {
        return Err(format!("something was stored before: {created}").into());
    }
    says_why(&mut store, edge, cause)
}

fn refuses_in_time(edge: &'static Edge, session: &Session) -> Result<(), Failed> {
    let began = Instant::now();
    session.expect(&edge.create(session), 400, Some(&edge.refusal))?;
    let took = began.elapsed();
    if took > IN_TIME {
        return Err(format!("it took {took:?}").into());
    }
    Ok(())
}

fn says_why(store: &mut Store, edge: &'static Edge, cause: &str) -> Result<(), Failed> {
    let log = store.service(edge.service).whole_log();
    let told = log.lines().find(|line| line.contains("request failed")).unwrap_or_default();
    if !told.contains(cause) {
        return Err(format!("the log does not say `{cause}`: {told}").into());
    }
    // That no token is in the log was checked when it was read. A body is not there either.
    let contents = ["Oh no", "Not here", "to a shelf", "no.url", "authorization"].map(ToOwned::to_owned);
    for content in contents.into_iter().chain(edge.contents()) {
        if log.contains(&content) {
            return Err(format!("`{content}` is in the log: {told}").into());
        }
    }
    Ok(())
}

fn works(edge: &'static Edge, mode: FaultMode) -> Result<(), Failed> {
    let upstream = FakeUpstream::start(&edge.answer, mode);
    let (_store, session) = start(edge, &upstream);
    for _ in 0..3 {
        session.expect(&edge.create(&session), 201, None)?;
    }
    Ok(())
}

/// The connections that answers came on are kept, and nothing comes on them any more; new ones work.
fn falls_silent(edge: &'static Edge, at_once: usize) -> Result<(), Failed> {
    let upstream = FakeUpstream::start(&edge.answer, FaultMode::FallsSilent);
    let (_store, session) = start(edge, &upstream);
    let create = edge.create(&session);
    let all = || -> Result<(), Failed> {
        thread::scope(|scope| {
            let ask = || session.expect(&create, 201, None).map(drop);
            let asked: Vec<_> = (0..at_once).map(|_| scope.spawn(ask)).collect();
            asked.into_iter().try_for_each(|asked| asked.join().expect("a customer"))
        })?;
        Ok(())
    };
    all()?;
    let began = Instant::now();
    all()?;
    let took = began.elapsed();
    if took > Duration::from_secs(2) {
        return Err(format!("it took {took:?}").into());
    }
    Ok(())
}

/// A 503 is sent again, but not before the time is over for which the upstream asks to be left alone.
fn is_full(edge: &'static Edge) -> Result<(), Failed> {
    let upstream = FakeUpstream::start(&edge.answer, FaultMode::IsFullFor(1));
    let (_store, session) = start(edge, &upstream);
    let began = Instant::now();
    session.expect(&edge.create(&session), 201, None)?;
    let took = began.elapsed();
    if took < Duration::from_secs(1) || upstream.conversations() != 2 {
        return Err(format!("{} times within {took:?}", upstream.conversations()).into());
    }
    Ok(())
}

/// An upstream that is slow on a kept connection is asked on a second connection once, not for each request.
fn is_slow(edge: &'static Edge) -> Result<(), Failed> {
    let upstream = FakeUpstream::start(&edge.answer, FaultMode::IsSlow);
    let (_store, session) = start(edge, &upstream);
    for _ in 0..4 {
        session.expect(&edge.create(&session), 201, None)?;
    }
    let connections = upstream.conversations();
    if connections > 2 {
        return Err(format!("it was asked on {connections} connections").into());
    }
    Ok(())
}

/// A 404 is the mistake of the caller: the upstream works, and no warning is logged.
fn finds_nothing(edge: &'static Edge) -> Result<(), Failed> {
    let mode = FaultMode::AnswersStatus(404, Some(&edge.not_found));
    let upstream = FakeUpstream::start(&edge.answer, mode);
    let (mut store, session) = start(edge, &upstream);
    session.expect(&edge.create(&session), 400, Some(&edge.refusal))?;
    let metrics = metrics(&session, edge.service)?;
    let calls = |outcome| metrics.sum("http_client_request_duration_seconds_count", &[outcome]);
    let counted = (calls("outcome=\"answered\""), calls("outcome=\"failed\""));
    let log = store.service(edge.service).whole_log();
    if counted != (1.0, 0.0) || log.contains("WARN") {
        return Err(format!("{counted:?} answered and failed:\n{log}").into());
    }
    Ok(())
}

fn metrics(session: &Session, service: &str) -> Result<Metrics, Failed> {
    let answer = session.expect(&Request::new(service, "GET", "/metrics"), 200, None)?;
    Ok(Metrics::read(&String::from_utf8_lossy(&answer.body)).map_err(|error| format!("{error:?}"))?)
}

fn asks_no_longer(edge: &'static Edge) -> Result<(), Failed> {
    let upstream = FakeUpstream::start(&edge.answer, FaultMode::SaysNothing);
    let (_store, session) = start(edge, &upstream);
    let began = Instant::now();
    let request = edge.create(&session).header("X-Request-Timeout-Ms", "300");
    session.expect(&request, 503, Some("Service unavailable"))?;
    let took = began.elapsed();
    // Without its caller's timeout it would wait for three seconds.
    if took > Duration::from_secs(2) {
        return Err(format!("it took {took:?}, and its caller would have waited 300 ms").into());
    }
    Ok(())
}

/// While products takes connections and says nothing, orders under load answers everything else as before, refuses each
/// order in time, and has only so many of them in flight.
fn goes_on(edge: &'static Edge) -> Result<(), Failed> {
    let upstream = FakeUpstream::start(&edge.answer, FaultMode::SaysNothing);
    let url = upstream.url();
    let settings = [(&*variable(edge.upstream, "URL"), &*url), ("MAX_REQUESTS", "64")];
    let (mut store, session) = Store::start_with_session(PROGRAM, &settings);
    let order = edge.create(&session);
    let read = edge.read_first(&session);
    let process = store.service("orders").id();

    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let end = SetOnDrop(&is_over);
        let customers: Vec<_> = (0..32)
            .map(|_| {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        let began = Instant::now();
                        session.expect(&order, 400, Some(&edge.refusal))?;
                        let took = began.elapsed();
                        if took > IN_TIME {
                            return Err(Failed::from(format!("an order took {took:?}")));
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        let waited = waiting::until("32 orders that wait for products", || {
            shared::waiting_for_products(&session) >= 32.0
                || customers.iter().any(|customer| customer.is_finished())
        });
        if waited.is_err() || customers.iter().any(|customer| customer.is_finished()) {
            drop(end);
            customers.into_iter().try_for_each(|customer| customer.join().expect("a customer"))?;
            waited?;
            return Err("the orders did not wait for products".into());
        }
        let mut slowest = Duration::ZERO;
        for _ in 0..500 {
            let began = Instant::now();
            session.expect(&read, 404, None)?;
            slowest = slowest.max(began.elapsed());
        }
        let files = fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count);
        drop(end);
        customers.into_iter().try_for_each(|customer| customer.join().expect("a customer"))?;
        // A read that waited for products would take three seconds.
        if slowest > Duration::from_secs(2) {
            return Err(format!("reading took up to {slowest:?}").into());
        }
        if files > 200 {
            return Err(format!("{files} files and connections are open").into());
        }
        Ok(())
    })
}

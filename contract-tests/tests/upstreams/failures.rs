//! How an upstream fails, what the caller is told, and what the log says.

use std::time::Instant;

use contract_tests::{
    engine::{edges::Edge, session::Session},
    harness::{
        metrics::Metrics,
        store::Store,
        upstream::{Echo, FakeUpstream, FaultMode},
    },
};
use libtest_mimic::Failed;

use crate::{IN_TIME, start};

/// The failures: name, mode, and the cause in the log.
pub(crate) const FAILURES: [(&str, FaultMode, &str); 32] = [
    ("refuses", FaultMode::Refuses, "Connection refused"),
    ("says_nothing", FaultMode::SaysNothing, "timed out"),
    ("drips_the_head", FaultMode::DripsTheHead, "timed out"),
    ("drips_the_body", FaultMode::DripsTheBody, "timed out"),
    ("breaks_off", FaultMode::BreaksOff, "end of file"),
    (
        "responds_with_html",
        FaultMode::RespondsWithHtml,
        "200 OK, text/html, 35 bytes: a body that is not JSON",
    ),
    (
        "responds_with_other_json",
        FaultMode::RespondsWithOtherJson,
        "15 bytes of JSON, of another shape at line 1 column 15",
    ),
    ("responds_with_wrong_types", FaultMode::RespondsWithWrongTypes, "of another shape at line 1 column 9"),
    ("responds_with_invalid_utf8", FaultMode::RespondsWithInvalidUtf8, "not UTF-8"),
    ("responds_with_a_first_number_out_of_range", FaultMode::RespondsWithOutOfRange(1), "out of range"),
    ("responds_with_a_second_number_out_of_range", FaultMode::RespondsWithOutOfRange(2), "out of range"),
    ("responds_with_another_id", FaultMode::RespondsWithAnotherId, "the response has another id"),
    ("redirects", FaultMode::Redirects, "307"),
    ("responds_with_401", FaultMode::RespondsWithStatus(401, Some(r#"{"error":"Unauthorized"}"#)), "401"),
    ("responds_with_500", FaultMode::RespondsWithStatus(500, Some(r#"{"error":"Internal error"}"#)), "500"),
    (
        "responds_with_503",
        FaultMode::RespondsWithStatus(503, Some(r#"{"error":"Service unavailable"}"#)),
        "503",
    ),
    (
        "responds_with_500_in_html",
        FaultMode::RespondsWithStatus(500, Some("<h1>Oh no</h1>")),
        "500 Internal Server Error, application/json, 14 bytes",
    ),
    (
        "responds_with_404_in_html",
        FaultMode::RespondsWithStatus(404, Some("<h1>Not here</h1>")),
        "404 Not Found, application/json, 17 bytes",
    ),
    ("responds_with_204", FaultMode::RespondsWithStatus(204, None), "204"),
    ("responds_with_201", FaultMode::RespondsWithStatus(201, None), "201"),
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
        "responds_with_400_and_a_new_message",
        FaultMode::RespondsWithStatus(400, Some(r#"{"error":"Region is closed"}"#)),
        "400 Bad Request: Region is closed",
    ),
    (
        "responds_with_404_and_a_new_message",
        FaultMode::RespondsWithStatus(404, Some(r#"{"error":"Moved to the archive"}"#)),
        "404 Not Found: Moved to the archive",
    ),
    (
        "responds_with_a_new_status",
        FaultMode::RespondsWithStatus(409, Some(r#"{"error":"Being moved","detail":"to a shelf"}"#)),
        "409 Conflict: Being moved",
    ),
    (
        "responds_with_a_status_without_a_message",
        FaultMode::RespondsWithStatus(418, None),
        "bytes: JSON without an error message",
    ),
    (
        "responds_with_a_message_and_a_token",
        FaultMode::RespondsWithStatus(403, Some(r#"{"error":"authorization no.url is over"}"#)),
        "403 Forbidden: an error message of 28 bytes that is not documented",
    ),
    (
        "is_full_for_longer_than_any_timeout",
        FaultMode::IsFullFor(60),
        "503 Service Unavailable: Service unavailable",
    ),
    ("never_ends", FaultMode::NeverEnds, "a body that is too long"),
];

pub(crate) fn fails(edge: &'static Edge, mode: FaultMode, cause: &str) -> Result<(), Failed> {
    let mut upstream = FakeUpstream::start(&edge.response, mode);
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
    session.expect(&edge.create(session), 400, Some(&edge.error_message))?;
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

pub(crate) fn works(edge: &'static Edge, mode: FaultMode) -> Result<(), Failed> {
    let upstream = FakeUpstream::start(&edge.response, mode);
    let (_store, session) = start(edge, &upstream);
    for _ in 0..3 {
        session.expect(&edge.create(&session), 201, None)?;
    }
    Ok(())
}

/// A 404 is the mistake of the caller: the upstream works, and no warning is logged.
pub(crate) fn finds_nothing(edge: &'static Edge) -> Result<(), Failed> {
    let mode = FaultMode::RespondsWithStatus(404, Some(&edge.not_found));
    let upstream = FakeUpstream::start(&edge.response, mode);
    let (mut store, session) = start(edge, &upstream);
    session.expect(&edge.create(&session), 400, Some(&edge.error_message))?;
    let metrics = Metrics::of(&session, edge.service)?;
    let calls = |outcome| metrics.sum("http_client_request_duration_seconds_count", &[outcome]);
    let counted = (calls("outcome=\"answered\""), calls("outcome=\"failed\""));
    let log = store.service(edge.service).whole_log();
    if counted != (1.0, 0.0) || log.contains("WARN") {
        return Err(format!("{counted:?} answered and failed:\n{log}").into());
    }
    Ok(())
}

//! Traces: one id for all that a request leads to, in the log lines of every service, and spans for whoever collects them.
//!
//! The id is always there: `position` takes it from the caller, or makes a new one, and hands it on. Spans are there only if
//! `OTEL_EXPORTER_OTLP_ENDPOINT` says where they go; `export` sees to that. They are made with OpenTelemetry's own API, since
//! spans of `tracing` would pass through the log's filter and registry when nobody collects them, and would come from every
//! library that has some.

mod export;
mod position;

use std::{path::Path, time::Instant};

use opentelemetry::{KeyValue, trace::SpanKind};
use poem::http::{HeaderMap, Request, StatusCode};

pub(crate) use self::{
    export::{Span, start, stop},
    position::Position,
};
use crate::{
    metrics::{self, OTHER},
    refusal::Refused,
    server::Context,
};

/// Begins the span of a request, in the trace of its caller or a new one. Names follow the conventions for HTTP
/// (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>).
pub(crate) fn receive<B>(request: &Request<B>, route: Option<&'static str>) -> (Position, Span) {
    let caller = Position::of_caller(request.headers());
    let span = Span::begin(SpanKind::Server, caller.as_ref(), || {
        let method = metrics::shown(request.method());
        let shown = if method == OTHER { "HTTP" } else { method };
        let mut attributes = vec![
            KeyValue::new("http.request.method", method.to_owned()),
            KeyValue::new("url.path", request.uri().path().to_owned()),
            KeyValue::new("url.scheme", "http"),
        ];
        attributes.extend(route.map(|route| KeyValue::new("http.route", route)));
        (route.map_or(shown.to_owned(), |route| format!("{shown} {route}")), attributes)
    });
    let position = span.position(caller.as_ref()).or(caller).unwrap_or_else(Position::begin);
    (position, span)
}

/// Asks another service, called `name`, on behalf of the request that is worked on. `ask` is given the headers that say so.
///
/// # Errors
/// As many requests wait for another service as may, so that nobody was asked; what `ask` fails with is its outcome.
pub async fn neighbour<T, E, W: Future<Output = Result<T, E>>>(
    name: &'static str,
    ask: impl FnOnce(HeaderMap) -> W,
) -> Result<Result<T, E>, Refused> {
    let _permit = Context::wait_for_upstream()?;
    let mut headers = HeaderMap::new();
    let span = Context::with(|context| {
        let here = context.position();
        let span = Span::begin(SpanKind::Client, Some(here), || {
            (name.to_owned(), vec![KeyValue::new("service.peer.name", name)])
        });
        context.write_request_id(&mut headers);
        span.position(Some(here)).unwrap_or_else(|| here.next()).write(&mut headers);
        span
    });
    let began = Instant::now();
    let outcome = ask(headers).await;
    metrics::count_call(name, outcome.is_ok(), began.elapsed());
    Ok(span.unwrap_or(Span::NONE).end(outcome))
}

/// Begins the span of a use of the database in `file`, by the request that is worked on. Names follow the conventions for
/// databases (<https://opentelemetry.io/docs/specs/semconv/database/database-spans/>).
pub(crate) fn database(operation: &'static str, file: &Path) -> Span {
    let span = |context: &Context| {
        Span::begin(SpanKind::Internal, Some(context.position()), || {
            let database = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let name = format!("{operation} {database}");
            let attributes = vec![
                KeyValue::new("db.system.name", "sqlite"),
                KeyValue::new("db.namespace", database),
                KeyValue::new("db.operation.name", operation),
            ];
            (name, attributes)
        })
    };
    Context::with(span).unwrap_or(Span::NONE)
}

impl Span {
    /// Ends it with what came of it.
    pub(crate) fn end<T, E>(mut self, outcome: Result<T, E>) -> Result<T, E> {
        if outcome.is_err() {
            self.fail(OTHER);
        }
        outcome
    }

    /// Ends the span of a request with the answer to it.
    pub(crate) fn answered(mut self, status: StatusCode, is_broken: bool) {
        self.set("http.response.status_code", i64::from(status.as_u16()));
        if is_broken {
            self.fail(OTHER);
        }
        if status.is_server_error() {
            self.fail(status.as_str().to_owned());
        }
    }
}

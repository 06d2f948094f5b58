//! Traces: one id for everything that a request leads to, in the log lines of every service, and spans for a collector.
//!
//! There is always a trace id: the caller's, or a new one. Spans exist only if a variable names a collector; `export` sends them,
//! and `variables` reads the settings. They use OpenTelemetry's own API: spans of `tracing` would pass through the log's filter and
//! registry even without a collector, and libraries would add their own spans.

mod export;
mod variables;

use std::sync::OnceLock;

use opentelemetry::{KeyValue, trace::SpanKind};
use poem::http::{HeaderMap, Request, StatusCode};

pub(crate) use self::export::{Span, stop};
use self::variables::Propagation;
use super::metrics::{self, OTHER};
use crate::{
    context::{RequestContext, TraceContext},
    settings::StartupError,
};

static PROPAGATION: OnceLock<Propagation> = OnceLock::new();

/// From now on traces are passed on and exported as the variables of OpenTelemetry say.
///
/// # Errors
/// One of them cannot be honoured.
pub(crate) fn start(service: &'static str) -> Result<(), StartupError> {
    let _ = PROPAGATION.set(Propagation::read()?);
    export::start(service)
}

fn propagation() -> Propagation {
    PROPAGATION.get().copied().unwrap_or_default()
}

/// Starts the span of a request, in the trace of its caller or a new one. Names follow the conventions for HTTP
/// (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>).
pub(crate) fn server_span<B>(request: &Request<B>, route: Option<&'static str>) -> (TraceContext, Span) {
    let propagation = propagation();
    let caller = propagation.trace_context.then(|| TraceContext::extract(request.headers())).flatten();
    let span = Span::start(SpanKind::Server, caller.as_ref(), || {
        let method = metrics::method_label(request.method());
        let shown = if method == OTHER { "HTTP" } else { method };
        let mut attributes = vec![
            KeyValue::new("http.request.method", method.to_owned()),
            KeyValue::new("url.path", request.uri().path().to_owned()),
            KeyValue::new("url.scheme", "http"),
        ];
        attributes.extend(route.map(|route| KeyValue::new("http.route", route)));
        (route.map_or(shown.to_owned(), |route| format!("{shown} {route}")), attributes)
    });
    let mut context = span.context(caller.as_ref()).or(caller).unwrap_or_else(TraceContext::new_root);
    if propagation.baggage {
        context.baggage = TraceContext::extract_baggage(request.headers());
    }
    (context, span)
}

/// Starts the span of a call to the service `name`, below `parent`. Returns it with its place in the trace.
pub(crate) fn client_span(name: &'static str, parent: &TraceContext) -> (Span, TraceContext) {
    let span = Span::start(SpanKind::Client, Some(parent), || {
        (name.to_owned(), vec![KeyValue::new("service.peer.name", name)])
    });
    let context = span.context(Some(parent)).unwrap_or_else(|| parent.child());
    (span, context)
}

/// Adds the headers that tell an upstream its place in a trace.
pub(crate) fn inject(context: &TraceContext, headers: &mut HeaderMap) {
    context.inject(headers, propagation().trace_context);
}

/// Starts the span of a use of `database`, which `system` has, by the current request: internal if it is a file of this process, of a
/// client if it is on a server. Names follow the conventions for
/// databases (<https://opentelemetry.io/docs/specs/semconv/database/database-spans/>).
pub(crate) fn database_span(
    kind: SpanKind,
    operation: &'static str,
    system: &'static str,
    database: impl FnOnce() -> String,
) -> Span {
    let span = |context: &RequestContext| {
        Span::start(kind, Some(&context.trace), || {
            let database = database();
            let name = format!("{operation} {database}");
            let attributes = vec![
                KeyValue::new("db.system.name", system),
                KeyValue::new("db.namespace", database),
                KeyValue::new("db.operation.name", operation),
            ];
            (name, attributes)
        })
    };
    RequestContext::with(span).unwrap_or(Span::NONE)
}

impl Span {
    /// Ends the span with its outcome.
    pub(crate) fn end<T, E>(mut self, outcome: Result<T, E>) -> Result<T, E> {
        if outcome.is_err() {
            self.fail(OTHER);
        }
        outcome
    }

    /// Ends the span of a request with the status of its response. `is_aborted` if the response was not sent to its end.
    pub(crate) fn end_with_status(mut self, status: StatusCode, is_aborted: bool) {
        self.set("http.response.status_code", i64::from(status.as_u16()));
        if is_aborted {
            self.fail(OTHER);
        }
        if status.is_server_error() {
            self.fail(status.as_str().to_owned());
        }
    }
}

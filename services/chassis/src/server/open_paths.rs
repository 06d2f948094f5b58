//! What is open to everybody: where the document is shown, and whether the service lives and is ready.

use poem::{
    Body, IntoResponse, Response,
    http::{HeaderValue, Method, StatusCode, header},
};

use super::routes::{decoded, without_slash};
use crate::{
    api::document::Document,
    error::{ApiError, METHOD_NOT_ALLOWED},
    storage::sqlite::Database,
    telemetry::metrics,
    wire::json,
};

/// Leads to the page that shows the document.
const ROOT: &str = "/";
/// Shows the document with Swagger UI.
const DOCS: &str = "/docs";
/// The document.
const DOCUMENT: &str = "/openapi.json";
/// Whether the process runs.
const LIVE: &str = "/livez";
/// Whether the service can do its work: its database answers, and it was not told to stop.
const READY: &str = "/readyz";

/// What the service has counted, for Prometheus.
const METRICS: &str = "/metrics";

/// The methods that these paths know.
const METHODS: &[Method] = &[Method::GET, Method::HEAD];
/// The same as a header.
pub(super) static ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// Which of these `path` is, if it is one. Each has one segment.
pub(super) fn find(path: &str) -> Option<&'static str> {
    if path == ROOT {
        return Some(ROOT);
    }
    let segment = decoded(without_slash(path).strip_prefix('/')?);
    [DOCS, DOCUMENT, LIVE, READY, METRICS].into_iter().find(|open| open[1..] == segment)
}

/// Whether `path` is answered even when the service has more to do than it takes on.
pub(super) fn is_probe(path: &str) -> bool {
    path == LIVE || path == READY || path == METRICS
}

/// Answers a request for one of these paths.
pub(super) fn serve(
    path: &'static str,
    method: &Method,
    document: &Document,
    database: &Database,
    is_stopping: bool,
    in_flight: usize,
) -> Result<Response, ApiError> {
    if !METHODS.contains(method) {
        return Err(METHOD_NOT_ALLOWED.into());
    }
    match path {
        DOCS => {
            let page = typed("text/html; charset=utf-8", document.page());
            Ok(page.with_header(header::CONTENT_SECURITY_POLICY, document.page_policy()).into_response())
        }
        DOCUMENT => Ok(typed(json::CONTENT_TYPE, document.json())),
        LIVE => Ok(status("live")),
        READY if is_stopping => Err(ApiError::unavailable("asked whether it is ready, while it stops")),
        READY => {
            database.check()?;
            Ok(status("ready"))
        }
        METRICS => Ok(typed(metrics::CONTENT_TYPE, metrics::text(in_flight))),
        _ => Ok(Response::builder()
            .status(StatusCode::TEMPORARY_REDIRECT)
            .header(header::LOCATION, DOCS)
            .finish()),
    }
}

fn status(status: &'static str) -> Response {
    json::response(StatusCode::OK, &serde_json::json!({ "status": status }))
}

fn typed(content_type: &'static str, body: impl Into<Body>) -> Response {
    Response::builder().content_type(content_type).body(body)
}

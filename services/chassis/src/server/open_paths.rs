//! Paths without authentication: the document and its page, the probes, and the metrics.

use poem::{
    Body, IntoResponse, Response,
    http::{HeaderValue, Method, StatusCode, header},
};

use super::{
    readiness::Readiness,
    routes::{decoded, without_slash},
};
use crate::{
    api::document::Document,
    error::{ApiError, METHOD_NOT_ALLOWED, SERVICE_UNAVAILABLE},
    telemetry::metrics,
    wire::json,
};

/// Redirects to the page.
const ROOT: &str = "/";
/// The page with Swagger UI.
const DOCS: &str = "/docs";
/// The document.
pub(super) const DOCUMENT: &str = "/openapi.json";
/// The liveness probe.
const LIVE: &str = "/livez";
/// The readiness probe: the database can be read and written, and the service is not stopping.
const READY: &str = "/readyz";

/// The metrics, for Prometheus.
const METRICS: &str = "/metrics";

/// The methods of these paths.
const METHODS: &[Method] = &[Method::GET, Method::HEAD];
/// The same as a header.
pub(super) static ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// The open path that `path` stands for. Each has one segment.
pub(super) fn find(path: &str) -> Option<&'static str> {
    if path == ROOT {
        return Some(ROOT);
    }
    let segment = decoded(without_slash(path).strip_prefix('/')?);
    [DOCS, DOCUMENT, LIVE, READY, METRICS].into_iter().find(|open| open[1..] == segment)
}

/// Whether `path` is served even when the service is overloaded.
pub(super) fn is_probe(path: &str) -> bool {
    path == LIVE || path == READY || path == METRICS
}

/// Serves one of these paths. The document says that the service is at `base`.
pub(super) async fn serve(
    path: &'static str,
    method: &Method,
    document: &Document,
    readiness: &Readiness,
    is_stopping: bool,
    in_flight: usize,
    base: impl FnOnce() -> String,
) -> Result<Response, ApiError> {
    if !METHODS.contains(method) {
        return Err(METHOD_NOT_ALLOWED.into());
    }
    match path {
        DOCS => {
            let page = document.page();
            let response = typed("text/html; charset=utf-8", page.html.clone());
            Ok(response.with_header(header::CONTENT_SECURITY_POLICY, &*page.policy).into_response())
        }
        DOCUMENT => Ok(document.response(base())),
        LIVE => Ok(status("live")),
        // The log says already that the service stops.
        READY if is_stopping => Err(SERVICE_UNAVAILABLE.into()),
        READY => {
            readiness.check().await?;
            Ok(status("ready"))
        }
        METRICS => {
            readiness.measure();
            Ok(typed(metrics::CONTENT_TYPE, metrics::text(in_flight)))
        }
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

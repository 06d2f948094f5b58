//! The request handler, which every request goes through.
//!
//! Its steps, in order: [`RequestHandler::handle`] routes and sets up the context, `respond` counts the request and limits how
//! many there are, `dispatch` admits or rejects it, `call` runs the operation (authentication first) within the deadline; then
//! `respond` turns an error into a response and logs its cause, and `handle` adds the headers of every response.

use std::{
    cell::{Cell, RefCell},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Incoming};
use poem::{
    IntoResponse, Request, Response,
    http::{HeaderValue, Method, StatusCode, Version, header, uri::Scheme},
    web::{LocalAddr, RemoteAddr},
};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{
    addresses::{self, Addresses},
    admission::Admission,
    body::{self, AccessRecord, CountedBody, Sending},
    connection::Connection,
    cors::{self, Cors},
    drain::{Drain, Phase},
    head,
    keep_alive::{KeepAlive, keeps_connection},
    open_paths,
    preferences::Examples,
    readiness::Readiness,
    request_id::request_id,
    routes::{Route, Routes},
    target::Target,
};
use crate::{
    api::{bearer_auth, document::Document},
    context::{REQUEST_ID, RequestContext, ServiceContext},
    error::{self, ApiError, MALFORMED_REQUEST, METHOD_NOT_ALLOWED, NOT_FOUND, SERVICE_UNAVAILABLE},
    storage::Database,
    telemetry::{metrics, trace},
    wire::timeout,
};

/// A response as hyper sends it.
type HyperResponse = hyper::Response<BoxBody<Bytes, std::io::Error>>;

/// Handles requests.
pub(super) struct RequestHandler {
    service: Arc<ServiceContext>,
    document: Document,
    readiness: Readiness,
    routes: Routes,
    /// A permit for each request that may be in flight at the same time.
    permits: Arc<Semaphore>,
    admission: Arc<Admission>,
    drain: Arc<Drain>,
    keep_alive: KeepAlive,
    addresses: Addresses,
    cors: Arc<Cors>,
    /// The example responses that callers may prefer, if that is enabled.
    examples: Option<Examples>,
}

impl RequestHandler {
    pub(super) fn new(
        service: ServiceContext,
        routes: Routes,
        document: Document,
        database: Database,
        addresses: Addresses,
        cors: Cors,
        examples: Option<Examples>,
    ) -> Self {
        Self {
            keep_alive: KeepAlive::new(service.limits.idle_timeout),
            permits: Arc::new(Semaphore::new(service.limits.max_requests as usize)),
            admission: Arc::new(Admission::new(service.limits.max_connections)),
            service: Arc::new(service),
            document,
            readiness: Readiness::new(database),
            routes,
            drain: Arc::default(),
            addresses,
            cors: Arc::new(cors),
            examples,
        }
    }

    /// The open connections.
    pub(super) fn admission(&self) -> &Arc<Admission> {
        &self.admission
    }

    /// The state of the stop.
    pub(super) fn drain(&self) -> &Arc<Drain> {
        &self.drain
    }

    /// What pages of other origins may do.
    pub(super) fn cors(&self) -> &Arc<Cors> {
        &self.cors
    }

    /// Handles a request, in this order: routing, trace and request id, deadline, admission, the operation with its authentication,
    /// and the headers of every response. The request is logged, counted and traced when its response is sent.
    pub(super) async fn handle(
        &self,
        request: hyper::Request<Incoming>,
        connection: &Arc<Connection>,
    ) -> HyperResponse {
        let started = Instant::now();
        let keeps_connection = keeps_connection(request.version(), request.headers());
        let (target, path_values) = Target::find(&self.routes, request.uri().path());
        let grant = self.cors.grant(target.is_document(), request.headers());
        let is_preflight = grant.allows() && cors::is_preflight(request.method(), request.headers());
        let prefix = self.addresses.prefix(request.headers(), connection.peer);
        let (trace, span) = trace::server_span(&request, target.template());
        let request_id = request_id(request.headers(), &trace);
        let limit = self.service.limits.request_timeout;
        let context = RequestContext {
            service: self.service.clone(),
            request_id: request_id.clone(),
            trace,
            deadline: started + timeout::parse(request.headers()).map_or(limit, |caller| caller.min(limit)),
            path_values,
            is_read: request.body().is_end_stream().into(),
            is_authenticated: Cell::new(false),
            write: RefCell::default(),
        };
        let record = AccessRecord::begin(&request, target.template(), target.is_probe(), started, span);
        let mut response =
            context.scope(self.respond(request, connection, target, is_preflight, record)).await;

        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, request_id);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(prefix) = prefix {
            addresses::prepend(&prefix, headers);
        }
        grant.write(is_preflight, headers);
        if keeps_connection && !headers.contains_key(header::CONNECTION) {
            self.keep_alive.announce(headers);
        }
        response
    }

    /// Responds within the request's context.
    async fn respond(
        &self,
        request: hyper::Request<Incoming>,
        connection: &Arc<Connection>,
        target: Target<'_>,
        is_preflight: bool,
        record: AccessRecord,
    ) -> HyperResponse {
        let in_flight = connection.begin_request(record.started);
        let (method, version) = (request.method().clone(), request.version());
        let ambiguity = head::ambiguity(&request);
        let has_token = || bearer_auth::is_authenticated(request.headers(), &self.service.token);
        let is_surplus = !target.is_probe() && self.admission.is_surplus(connection, has_token);
        let permit = self.permits.try_acquire().ok().filter(|_| !is_surplus);

        let outcome = match ambiguity {
            None if is_preflight => Ok(no_content()),
            _ => {
                self.dispatch(request, connection, &target, ambiguity, permit.as_ref(), record.started).await
            }
        };
        let mut response = outcome.unwrap_or_else(|error| {
            log_cause(&error, connection);
            error.into_response()
        });

        let names_methods = method == Method::OPTIONS || response.status() == METHOD_NOT_ALLOWED.status;
        if let Some(allow) = target.allow().filter(|_| names_methods) {
            response.headers_mut().insert(header::ALLOW, allow.clone());
        }
        let is_read = RequestContext::with(|context| context.is_read.get()) == Some(true);
        if is_surplus || ambiguity.is_some() || !is_read || self.drain.has(Phase::Announced) {
            // The rest of the request would be parsed as the next one (RFC 9112, section 9.6). Without the request's version,
            // hyper would keep the connection of an HTTP/1.0 caller that asks for it.
            response.set_version(version);
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if RequestContext::with(|context| context.is_authenticated.get()) == Some(true) {
            connection.set_authenticated();
        }

        let response = hyper::Response::from(response);
        // All requests for pages and probes share the same bytes.
        let is_sent_at_once =
            method == Method::HEAD || !matches!(target, Target::Route(_)) || body::is_small(response.body());
        let status = response.status();
        let context = if is_sent_at_once { None } else { RequestContext::with(RequestContext::body_context) };
        let (Some(permit), Some(context)) = (permit, context) else {
            record.end(status, false);
            return response;
        };
        permit.forget();
        let ends_with_connection =
            version < Version::HTTP_11 && response.body().size_hint().exact().is_none();
        connection.set_reset_on_close(ends_with_connection);
        let sending = Sending::new(record, status, context, in_flight, self.permits.clone());
        response.map(|body| BoxBody::new(CountedBody::new(body, sending)))
    }

    /// Admits or rejects the request, and passes it to its target.
    async fn dispatch(
        &self,
        request: hyper::Request<Incoming>,
        connection: &Connection,
        target: &Target<'_>,
        ambiguity: Option<&'static str>,
        permit: Option<&SemaphorePermit<'_>>,
        started: Instant,
    ) -> Result<Response, ApiError> {
        let method = request.method();
        if ambiguity.is_none() {
            match target {
                Target::Open(_) | Target::Route(_) if method == Method::OPTIONS => return Ok(no_content()),
                Target::Open(path) if target.is_probe() => {
                    return self.open(path, &request, connection).await;
                }
                _ => {}
            }
        }
        if permit.is_none() {
            metrics::count_refused();
            return Err(SERVICE_UNAVAILABLE.into());
        }
        if let Some(ambiguity) = ambiguity {
            return Err(MALFORMED_REQUEST.caused_by(ambiguity));
        }
        match target {
            Target::Open(path) => self.open(path, &request, connection).await,
            Target::Route(route) => self.call(route, request, started).await,
            // `OPTIONS *` asks for the options of the server as a whole, which has none (RFC 9110, section 9.3.7).
            Target::None if method == Method::OPTIONS && request.uri().path() == "*" => Ok(no_content()),
            Target::None => Err(NOT_FOUND.into()),
        }
    }

    /// Serves a page or a probe.
    async fn open(
        &self,
        path: &'static str,
        request: &hyper::Request<Incoming>,
        connection: &Connection,
    ) -> Result<Response, ApiError> {
        let is_stopping = self.drain.has(Phase::Announced);
        let in_flight = self.service.limits.max_requests as usize - self.permits.available_permits();
        let base = || self.addresses.base(request, connection.peer);
        let method = request.method();
        let serving =
            open_paths::serve(path, method, &self.document, &self.readiness, is_stopping, in_flight, base);
        // Boxed, since the futures of all requests would be larger with it.
        Box::pin(serving).await
    }

    /// Calls an operation, within the deadline.
    async fn call(
        &self,
        route: &Route,
        request: hyper::Request<Incoming>,
        started: Instant,
    ) -> Result<Response, ApiError> {
        let operation = route.operation(request.method()).ok_or(METHOD_NOT_ALLOWED)?;
        if let Some(examples) = &self.examples
            && let Some(preferred) = examples.preferred(request.method(), route.template, request.headers())
        {
            return preferred;
        }
        let deadline = error::in_request(|context| context.deadline)?;
        if deadline <= started {
            return Err(ApiError::unavailable("the caller's deadline had passed when the request came"));
        }
        let request = Request::from((request, LocalAddr::default(), RemoteAddr::default(), Scheme::HTTP));
        let mut response = AssertUnwindSafe(operation.as_ref().call(request)).catch_unwind();
        let in_time = tokio::select! {
            biased;
            response = &mut response => Ok(response),
            () = tokio::time::sleep_until(deadline.into()) => Err("no response within the deadline"),
            () = self.drain.reached(Phase::Over) => Err("no response before the service has to stop"),
        };
        let response = match in_time {
            Ok(response) => response,
            Err(cause) if RequestContext::with(RequestContext::cancel_write) == Some(true) => {
                return Err(ApiError::unavailable(cause));
            }
            // A write that has begun may be on disk, so 503 would be wrong.
            Err(_) => response.await,
        };
        match response {
            Err(_) => Err(ApiError::internal("the handler panicked; see the panic message above")),
            // After the deadline, a 4xx may be its consequence: the upstream had too little time left.
            Ok(Err(failure)) if failure.status().is_client_error() && deadline <= Instant::now() => {
                Err(ApiError::unavailable(format!("no response within the deadline: {failure}")))
            }
            Ok(response) => response.map_err(ApiError::from_failure),
        }
    }
}

fn no_content() -> Response {
    Response::builder().status(StatusCode::NO_CONTENT).finish()
}

/// Logs the cause of an error, if it has one.
fn log_cause(error: &ApiError, connection: &Connection) {
    let (Some(cause), message, peer) = (error.cause(), error.message.text, connection.peer) else { return };
    match error.message.status {
        StatusCode::INTERNAL_SERVER_ERROR => tracing::error!(error = message, cause, "request failed"),
        StatusCode::UNAUTHORIZED => tracing::warn!(error = message, cause, %peer, "request failed"),
        _ => tracing::warn!(error = message, cause, "request failed"),
    }
}

//! The one way of every request: an id, a place among those under way, the operation within its deadline, a log line.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Incoming};
use poem::{
    IntoResponse, Request, Response,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header, uri::Scheme},
    web::{LocalAddr, RemoteAddr},
};
use poem_openapi::OpenApi;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{
    CONTEXT, Context, Identity, REQUEST_ID, Service,
    admission::Connection,
    body::{self, CountedBody, Exchange, Sending},
    bulkhead::Bulkhead,
    drain::{Drain, Phase},
    head, open_paths,
    routes::{Route, Routes},
    timeout,
};
use crate::{
    document::Document,
    header::{Single, single},
    metrics,
    refusal::{MALFORMED_REQUEST, METHOD_NOT_ALLOWED, NOT_FOUND, Refused, SERVICE_UNAVAILABLE},
    sqlite::Database,
    trace::{self, Span},
};

/// Says for how long a connection is kept (RFC 2068, section 19.7.1.1): what is in wide use, though no longer in a standard.
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// How long an id that a caller chose may be.
const REQUEST_ID_LIMIT: usize = 128;

/// Answers requests.
pub(super) struct Answerer {
    identity: Arc<Identity>,
    document: Document,
    database: Database,
    routes: Routes,
    under_way: Arc<Semaphore>,
    drain: Arc<Drain>,
    /// For how long a connection is kept, as `Keep-Alive` says it; not if it is less than it can say.
    idle: Option<HeaderValue>,
}

/// What a request is for.
enum Destination<'a> {
    /// A path that is open to everybody.
    Open(&'static str),
    /// An operation, or another method of its path.
    Route(&'a Route),
    /// No path of this service.
    Nowhere,
}

impl Destination<'_> {
    /// The path as the document has it, if it is one of this service.
    fn path(&self) -> Option<&'static str> {
        match self {
            Self::Open(path) => Some(path),
            Self::Route(route) => Some(route.template),
            Self::Nowhere => None,
        }
    }
}

impl Answerer {
    pub(super) fn new<A: OpenApi>(service: Service<A>) -> Self {
        metrics::introduce(service.name);
        let idle = service.limits.idle_timeout().as_secs();
        Self {
            idle: HeaderValue::try_from(format!("timeout={idle}")).ok().filter(|_| idle > 0),
            under_way: Arc::new(Semaphore::new(service.limits.max_requests as usize)),
            identity: Arc::new(Identity {
                name: service.name,
                token: service.token,
                bulkhead: Bulkhead::new(service.limits.max_upstream_requests()),
                limits: service.limits,
            }),
            document: service.document,
            database: service.database,
            routes: Routes::new(service.api),
            drain: Arc::default(),
        }
    }

    /// How far the service is with stopping.
    pub(super) fn drain(&self) -> &Arc<Drain> {
        &self.drain
    }

    pub(super) async fn answer(
        &self,
        request: hyper::Request<Incoming>,
        connection: &Arc<Connection>,
    ) -> hyper::Response<BoxBody<Bytes, std::io::Error>> {
        let started = Instant::now();
        let keeps_connection = keeps_connection(request.version(), request.headers());
        let path = request.uri().path();
        let (destination, path_values) = match self.routes.find(path) {
            Some((route, values)) => (Destination::Route(route), values),
            None => (open_paths::find(path).map_or(Destination::Nowhere, Destination::Open), Vec::new()),
        };
        let (position, span) = trace::receive(&request, destination.path());
        let request_id = request_id(&request).unwrap_or_else(|| {
            let mut text = Uuid::encode_buffer();
            let id = position.trace_id().encode_lower(&mut text);
            HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static("none"))
        });
        let ours = self.identity.limits.answer_timeout();
        let context = Context {
            identity: self.identity.clone(),
            request_id: request_id.clone(),
            position,
            deadline: started + timeout(request.headers()).map_or(ours, |theirs| theirs.min(ours)),
            path_values,
            is_read: request.body().is_end_stream().into(),
            has_shown_token: Cell::new(false),
            write: RefCell::default(),
        };
        let work = self.work(request, connection, destination, started, span);
        let mut response = CONTEXT.scope(context, work).await;

        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, request_id);
        // What is answered is for this caller and this moment, and is what it says it is.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if keeps_connection
            && !headers.contains_key(header::CONNECTION)
            && let Some(idle) = &self.idle
        {
            headers.insert(header::CONNECTION, HeaderValue::from_static("keep-alive"));
            headers.insert(KEEP_ALIVE, idle.clone());
        }
        response
    }

    async fn work(
        &self,
        request: hyper::Request<Incoming>,
        connection: &Arc<Connection>,
        destination: Destination<'_>,
        started: Instant,
        span: Span,
    ) -> hyper::Response<BoxBody<Bytes, std::io::Error>> {
        let in_flight = connection.begin(started);
        let has_token = || self.identity.token.is_shown_in(request.headers());
        let (method, version) = (request.method().clone(), request.version());
        let route = destination.path().unwrap_or("(none)");
        let allow = match &destination {
            Destination::Open(_) => Some(&open_paths::ALLOW),
            Destination::Route(route) => Some(&route.allow),
            Destination::Nowhere => None,
        };
        let flaw = head::flaw(&request);
        let is_probe = matches!(destination, Destination::Open(path) if open_paths::is_probe(path));
        let is_too_many = !is_probe && connection.is_too_many(has_token);
        let place = self.under_way.try_acquire();
        let answer = match (&destination, &place) {
            (Destination::Open(_) | Destination::Route(_), _)
                if method == Method::OPTIONS && flaw.is_none() =>
            {
                Ok(Response::builder().status(StatusCode::NO_CONTENT).finish())
            }
            (Destination::Open(path), _) if is_probe && flaw.is_none() => self.open(path, &method),
            (_, place) if is_too_many || place.is_err() => {
                metrics::count_refused();
                Err(SERVICE_UNAVAILABLE.into())
            }
            _ if let Some(reason) = flaw => {
                tracing::warn!(reason, "malformed request");
                Err(MALFORMED_REQUEST.into())
            }
            (Destination::Open(path), _) => self.open(path, &method),
            (Destination::Route(route), _) => self.operate(route, request, connection.peer, started).await,
            // Which asks for what the whole server can, and that is nothing (RFC 9110, section 9.3.7).
            (Destination::Nowhere, _) if method == Method::OPTIONS && request.uri().path() == "*" => {
                Ok(Response::builder().status(StatusCode::NO_CONTENT).finish())
            }
            (Destination::Nowhere, _) => Err(NOT_FOUND.into()),
        };
        let mut response = answer.unwrap_or_else(Refused::into_response);
        let names_methods = method == Method::OPTIONS || response.status() == METHOD_NOT_ALLOWED.status;
        if let Some(allow) = allow.filter(|_| names_methods) {
            response.headers_mut().insert(header::ALLOW, allow.clone());
        }

        // What is left of the body would be taken for the next request, so there is none; who sends one has to know (RFC 9112,
        // section 9.6). Nor is it known where a request ends that is malformed, or is there one where the service stops.
        let is_read = Context::with(|context| context.is_read.get()) != Some(false);
        if is_too_many || flaw.is_some() || !is_read || self.drain.has(Phase::Announced) {
            // hyper would keep the connection of a caller of HTTP/1.0 who wants it kept, whatever is said here.
            response.set_version(version);
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }

        if Context::with(|context| context.has_shown_token.get()) == Some(true) {
            connection.note_token();
        }
        let response = hyper::Response::from(response);
        // Other paths have bodies that all who ask for them share.
        let is_sent_at_once = method == Method::HEAD
            || !matches!(destination, Destination::Route(_))
            || body::is_small(response.body());
        let exchange = Exchange { method, route, status: response.status(), started, span };
        let context = if is_sent_at_once { None } else { Context::with(Context::of_body) };
        let (Ok(place), Some(context)) = (place, context) else {
            exchange.end(false);
            return response;
        };
        place.forget();
        let ends_with_connection =
            version < Version::HTTP_11 && response.body().size_hint().exact().is_none();
        connection.must_reset.store(ends_with_connection, Ordering::Relaxed);
        let sending = Sending::new(exchange, context, in_flight, self.under_way.clone());
        response.map(|body| BoxBody::new(CountedBody::new(body, sending)))
    }

    /// Answers for a path that is no operation.
    fn open(&self, path: &'static str, method: &Method) -> Result<Response, Refused> {
        let is_stopping = self.drain.has(Phase::Announced);
        let under_way = self.identity.limits.max_requests as usize - self.under_way.available_permits();
        open_paths::answer(path, method, &self.document, &self.database, is_stopping, under_way)
    }

    /// Answers with an operation, within the deadline.
    async fn operate(
        &self,
        route: &Route,
        request: hyper::Request<Incoming>,
        peer: SocketAddr,
        started: Instant,
    ) -> Result<Response, Refused> {
        let operation = route.operation(request.method()).ok_or(METHOD_NOT_ALLOWED)?;
        let deadline = Context::get(Context::deadline)?;
        if deadline <= started {
            return Err(Refused::unavailable("the caller's time was over when the request came"));
        }
        let request = Request::from((request, LocalAddr::default(), RemoteAddr(peer.into()), Scheme::HTTP));
        let mut answer = AssertUnwindSafe(operation.as_ref().call(request)).catch_unwind();
        let late = tokio::select! {
            biased;
            answer = &mut answer => Ok(answer),
            () = tokio::time::sleep_until(deadline.into()) => Err("no answer within the deadline"),
            () = self.drain.reached(Phase::Over) => Err("no answer before the service has to stop"),
        };
        let answer = match late {
            Ok(answer) => answer,
            Err(cause) if Context::with(Context::cancel_write) == Some(true) => {
                return Err(Refused::unavailable(cause));
            }
            // A write that has begun may be on the disk, so it would be untrue that nothing was done.
            Err(_) => answer.await,
        };
        match answer {
            Err(_) => Err(Refused::internal("a panic, which is reported above")),
            // Whatever it found was found too late, such as that another service did not answer in what was left of the time.
            Ok(Err(failure)) if failure.status().is_client_error() && deadline <= Instant::now() => {
                Err(Refused::unavailable(format!("no answer within the deadline, but for: {failure}")))
            }
            Ok(answer) => answer.map_err(Refused::from_failure),
        }
    }
}

/// Whether the caller keeps the connection for its next request (RFC 9112, section 9.3).
fn keeps_connection(version: Version, headers: &HeaderMap) -> bool {
    // hyper hides a `Content-Length` beside a `Transfer-Encoding`, after which it ends the connection (RFC 9112, section 6.1).
    let is_kept_by_default = version >= Version::HTTP_11 && !headers.contains_key(header::TRANSFER_ENCODING);
    if !headers.contains_key(header::CONNECTION) {
        return is_kept_by_default;
    }
    let names = |option: &str| {
        let mut options = headers
            .get_all(header::CONNECTION)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        options.any(|named| named.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
    };
    !names("close") && (is_kept_by_default || names("keep-alive"))
}

/// The id that the caller gave the request, if it is sane enough for log lines. One that has none is known by its trace.
fn request_id(request: &hyper::Request<Incoming>) -> Option<HeaderValue> {
    let is_sane = |id: &&HeaderValue| {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        (1..=REQUEST_ID_LIMIT).contains(&id.len()) && id.as_bytes().iter().all(allowed)
    };
    match single(request.headers(), &REQUEST_ID) {
        Single::Value(id) => Some(id).filter(is_sane).cloned(),
        // One of several would be found under another id than the caller looks for.
        Single::Absent | Single::Contradictory => None,
    }
}

//! The one way of every request: an id, a place among those under way, the operation within its deadline, a log line.

use std::{
    net::SocketAddr,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use poem::{
    Endpoint, IntoEndpoint, IntoResponse, Request, Response,
    endpoint::BoxEndpoint,
    http::{HeaderName, HeaderValue, Method, header, uri::Scheme},
    web::{LocalAddr, RemoteAddr},
};
use poem_openapi::{OpenApi, OpenApiService, OperationId};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{Context, Identity, Service, open_paths};
use crate::{
    document::Document,
    refusal::{METHOD_NOT_ALLOWED, Refused, SERVICE_UNAVAILABLE},
    sqlite::Database,
};

/// The header that a request is known by.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long an id that a caller chose may be.
const REQUEST_ID_LIMIT: usize = 128;

/// Answers requests.
pub(super) struct Answerer {
    identity: Arc<Identity>,
    document: Document,
    database: Database,
    operations: BoxEndpoint<'static>,
    under_way: Semaphore,
    is_stopping: AtomicBool,
}

impl Answerer {
    pub(super) fn new<A: OpenApi + 'static>(service: Service<A>) -> Self {
        Self {
            under_way: Semaphore::new(service.limits.max_requests as usize),
            identity: Arc::new(Identity { name: service.name, token: service.token, limits: service.limits }),
            document: service.document,
            database: service.database,
            operations: OpenApiService::new(service.api, service.name, "").into_endpoint(),
            is_stopping: AtomicBool::new(false),
        }
    }

    /// From now on the service is not ready any more.
    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    pub(super) async fn answer(
        &self,
        request: hyper::Request<Incoming>,
        peer: SocketAddr,
    ) -> hyper::Response<BoxBody<Bytes, std::io::Error>> {
        let started = Instant::now();
        let request_id = request_id(&request);
        let method = request.method().clone();
        let uri = request.uri().clone();

        let (route, answer) = match open_paths::find(uri.path()) {
            Some(path) if open_paths::is_probe(path) => (Some(path), self.open(path, &method)),
            open => match (self.under_way.try_acquire(), open) {
                (Err(_), _) => (open, Err(SERVICE_UNAVAILABLE.into())),
                (Ok(_place), Some(path)) => (open, self.open(path, &method)),
                (Ok(_place), None) => self.operate(request, peer, &request_id).await,
            },
        };
        let mut response = answer.unwrap_or_else(Refused::into_response);
        if response.status() == METHOD_NOT_ALLOWED.status {
            response.headers_mut().insert(header::ALLOW, self.allow(uri.path()));
        }

        let milliseconds = started.elapsed().as_secs_f64() * 1e3;
        tracing::info!(
            %method,
            route = route.unwrap_or("(none)"),
            status = response.status().as_u16(),
            ms = format_args!("{milliseconds:.2}"),
            request_id = request_id.to_str().unwrap_or_default(),
            "answered"
        );
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, request_id);
        // What is answered is for this caller and this moment, and is what it says it is.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response.into()
    }

    /// Answers for a path that is no operation.
    fn open(&self, path: &'static str, method: &Method) -> Result<Response, Refused> {
        let is_stopping = self.is_stopping.load(Ordering::Relaxed);
        open_paths::answer(path, method, &self.document, &self.database, is_stopping)
    }

    /// Answers with an operation, if there is one for the request, and says which path template it has.
    async fn operate(
        &self,
        request: hyper::Request<Incoming>,
        peer: SocketAddr,
        request_id: &HeaderValue,
    ) -> (Option<&str>, Result<Response, Refused>) {
        let mut request =
            Request::from((request, LocalAddr::default(), RemoteAddr(peer.into()), Scheme::HTTP));
        // hyper leaves the body of an answer to HEAD away and keeps its length (RFC 9110, section 9.3.2).
        if request.method() == Method::HEAD {
            request.set_method(Method::GET);
        }
        let context = Context { identity: self.identity.clone(), request_id: request_id.clone() };
        request.extensions_mut().insert(context);

        let operation = AssertUnwindSafe(self.operations.call(request)).catch_unwind();
        let answer = match tokio::time::timeout(self.identity.limits.answer_timeout(), operation).await {
            Err(_) => return (None, Err(Refused::unavailable("no answer within the deadline"))),
            Ok(Err(_)) => return (None, Err(Refused::internal("a panic, which is reported above"))),
            Ok(Ok(answer)) => answer,
        };
        let operation_id = match &answer {
            Ok(response) => response.data::<OperationId>(),
            Err(error) => error.data::<OperationId>(),
        };
        let template = operation_id.and_then(|id| self.document.template(id.0));
        (template, answer.map_err(Refused::from_failure))
    }

    /// The methods that `path` knows (RFC 9110, section 10.2.1).
    fn allow(&self, path: &str) -> HeaderValue {
        let mut methods = self.document.methods(path);
        if open_paths::find(path).is_some() {
            methods.extend_from_slice(open_paths::METHODS);
        }
        let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
        HeaderValue::try_from(names.join(", ")).unwrap_or(HeaderValue::from_static(""))
    }
}

/// The id that the caller gave the request, if it is sane enough for log lines, or a new one.
fn request_id(request: &hyper::Request<Incoming>) -> HeaderValue {
    let is_sane = |id: &&HeaderValue| {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        (1..=REQUEST_ID_LIMIT).contains(&id.len()) && id.as_bytes().iter().all(allowed)
    };
    let given = request.headers().get(REQUEST_ID).filter(is_sane).cloned();
    given.unwrap_or_else(|| {
        let id = Uuid::now_v7().simple().to_string();
        HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("none"))
    })
}

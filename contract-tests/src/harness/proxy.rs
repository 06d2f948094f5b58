//! A proxy between a caller and a service that can read, alter, drop and invent requests and responses.

use std::{
    convert::Infallible,
    net::TcpListener,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;

use super::accepting;
use crate::engine::{
    exchange::{self, Request, Response},
    faults::fault::Tamper,
};

/// A proxy before one service. Until it is told otherwise it changes nothing.
pub struct Proxy {
    url: String,
    shared: Arc<Shared>,
}

struct Shared {
    service: &'static str,
    http: reqwest::blocking::Client,
    /// The service, or each of its instances in turn.
    targets: Mutex<Vec<String>>,
    next: AtomicUsize,
    /// Held while a request is in flight.
    gate: RwLock<()>,
    /// Whether a tampering has panicked: what the suite notices then proves nothing.
    has_failed: AtomicBool,
    /// Whether the service has left a request without a response.
    is_unanswered: AtomicBool,
    tamper: Mutex<Option<Tamper>>,
}

impl Proxy {
    /// A proxy on a free port. It lives as long as the process.
    pub fn start(service: &'static str) -> Self {
        Self::with_timeout(service, exchange::RESPONSE_TIMEOUT)
    }

    /// The same, with this timeout for a response of the service.
    pub fn with_timeout(service: &'static str, timeout: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let http = exchange::http_client(timeout);
        let shared = Arc::new(Shared {
            service,
            http,
            targets: Mutex::default(),
            next: AtomicUsize::default(),
            gate: RwLock::default(),
            has_failed: AtomicBool::default(),
            is_unanswered: AtomicBool::default(),
            tamper: Mutex::default(),
        });
        let served = shared.clone();
        thread::spawn(move || serve(listener, served));
        Self { url, shared }
    }

    /// Where the proxy is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends everything on to the service at `url`.
    pub fn forward_to(&self, url: &str) {
        self.forward_to_each([url.to_owned()]);
    }

    /// Sends each request on to the next of the instances at `urls`, or to the one after it if that cannot be reached.
    pub fn forward_to_each(&self, urls: impl IntoIterator<Item = String>) {
        *self.shared.targets.lock().expect("the targets") = urls.into_iter().collect();
    }

    /// Does something while no request is in flight.
    pub fn between_requests(&self, work: impl FnOnce()) {
        let _gate = self.shared.gate.write().unwrap_or_else(PoisonError::into_inner);
        work();
    }

    /// Whether the service has left a request without a response since the last call. The proxy responds with 502.
    pub fn was_unanswered(&self) -> bool {
        self.shared.is_unanswered.swap(false, Ordering::Relaxed)
    }

    /// Does this to every request from now on.
    ///
    /// # Panics
    /// What was done before has panicked.
    pub fn tamper(&self, tamper: Option<Tamper>) {
        assert!(!self.shared.has_failed.swap(false, Ordering::Relaxed), "the tampering itself has failed");
        *self.shared.tamper.lock().unwrap_or_else(PoisonError::into_inner) = tamper;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let take = |stream| {
        let shared = shared.clone();
        let service = service_fn(move |request| respond(request, shared.clone()));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    };
    accepting::each(listener, take).await;
}

async fn respond(
    request: hyper::Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let text = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter().filter(|(name, _)| !is_hop_by_hop(name.as_str()));
    let request = Request {
        headers: headers.map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: body.collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default(),
        ..Request::new(shared.service, head.method.as_str(), head.uri.to_string())
    };
    let served = shared.clone();
    let response = tokio::task::spawn_blocking(move || {
        let tamper = shared.tamper.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let forward = |request: &Request| shared.forward(request);
        match tamper {
            Some(tamper) => tamper(request, &forward),
            None => forward(&request),
        }
    });
    let response = response.await.unwrap_or_else(|_| {
        served.has_failed.store(true, Ordering::Relaxed);
        Response { status: 502, ..Response::default() }
    });
    let mut builder = hyper::Response::builder().status(response.status);
    for (name, value) in response.headers.iter().filter(|(name, _)| !is_hop_by_hop(name)) {
        builder = builder.header(name, value);
    }
    Ok(builder.body(Full::new(response.body.into())).expect("a response"))
}

impl Shared {
    fn forward(&self, request: &Request) -> Response {
        let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let mut targets = self.targets.lock().expect("the targets").clone();
        let first = self.next.fetch_add(1, Ordering::Relaxed) % targets.len().max(1);
        targets.rotate_left(first);
        let method = reqwest::Method::from_bytes(request.method.as_bytes()).expect("a method");
        let send = |target: &String| {
            let mut builder = self.http.request(method.clone(), format!("{target}{}", request.path));
            for (name, value) in &request.headers {
                builder = builder.header(name, value.as_bytes());
            }
            if !request.body.is_empty() {
                builder = builder.body(request.body.clone());
            }
            builder.send()
        };
        let (last, others) = targets.split_last().expect("a target");
        let reached = others.iter().map(|target| (target, send(target)));
        let is_reached = |response: &Result<_, reqwest::Error>| {
            response.as_ref().err().is_none_or(|error| !error.is_connect())
        };
        let (target, response) = reached
            .into_iter()
            .find(|(_, response)| is_reached(response))
            .unwrap_or_else(|| (last, send(last)));
        let response = match response {
            // The service had closed the connection, so the request is not at fault.
            Err(error) if exchange::was_reset(&error) => send(target),
            response => response,
        };
        match response.and_then(Response::from_response) {
            Ok(response) => response.without_prefix(target),
            Err(_) => {
                self.is_unanswered.store(true, Ordering::Relaxed);
                Response { status: 502, ..Response::default() }
            }
        }
    }
}

/// Headers that belong to one connection, or follow from the body (RFC 9110, section 7.6.1).
fn is_hop_by_hop(name: &str) -> bool {
    ["connection", "content-length", "host", "transfer-encoding"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

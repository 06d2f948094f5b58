//! The transport of the clients: hyper-util's client, with a deadline, one retry of a read, and a second connection when the
//! first stays silent.
//!
//! hyper-util keeps idle connections, but cannot know that one is dead: a host that is gone, or a firewall that has forgotten
//! the connection, sends nothing. So a read without a response for [`SILENCE`] is sent on a new connection as well.
//!
//! We tried a pool of our own, in which the caller drove the connections instead of a task: an order took 49.2 µs of CPU time
//! instead of 51.4 (15 pairs in turns on two busy cores), which is too little to keep it. hyper-util's composable pool
//! (`client::pool`) has no public names for its types, so a client cannot hold one.

use std::{
    error, io,
    pin::pin,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::stream;
use http::{
    Method, Request, StatusCode,
    header::{AUTHORIZATION, HeaderValue},
};
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use reqwest::{Body, Response, Url};
use rustls::ClientConfig;
use tokio::time;

use crate::{
    context,
    deadline::{CONNECT_TIMEOUT, Deadline},
    response::{retry_after, whole},
};

/// How long an idle connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The most idle connections that are kept.
const MAX_IDLE: usize = 256;

/// How long a read waits for a response before it is sent on a new connection as well.
const SILENCE: Duration = Duration::from_millis(500);

/// How long a service counts as slow after a response that took longer than [`SILENCE`]. The silence of a slow service does
/// not mean that a connection is dead.
const SLOW: Duration = Duration::from_secs(1);

/// The pause before a retry after a 503 without `Retry-After`.
const PAUSE: Duration = Duration::from_millis(100);

type HttpClient = Client<HttpsConnector<HttpConnector>, Body>;

/// The connections to one service. Clones share them.
#[derive(Clone, Debug)]
pub struct Transport(Arc<Connections>);

#[derive(Debug)]
struct Connections {
    authorization: RwLock<HeaderValue>,
    tls: ClientConfig,
    /// Reuses connections.
    pooled: Mutex<HttpClient>,
    /// Opens a connection for each request.
    unpooled: HttpClient,
    slow_until: Mutex<Option<Instant>>,
}

/// Why there is no response.
#[derive(Debug)]
enum Failure {
    Http(legacy::Error),
    Body(hyper::Error),
    TimedOut,
}

impl Transport {
    /// A transport that sends `authorization` with each request, and encrypts those to `https://` addresses as `tls` says.
    pub(crate) fn new(authorization: HeaderValue, tls: ClientConfig) -> Self {
        Self(Arc::new(Connections {
            authorization: RwLock::new(authorization),
            pooled: Mutex::new(http_client(MAX_IDLE, &tls)),
            unpooled: http_client(0, &tls),
            tls,
            slow_until: Mutex::default(),
        }))
    }

    /// Sends `authorization` with each further request.
    pub(crate) fn set_authorization(&self, authorization: HeaderValue) {
        *self.0.authorization.write().unwrap_or_else(PoisonError::into_inner) = authorization;
    }

    /// Sends `request` and reads the whole response, within the deadline of the call.
    pub(crate) async fn send(&self, request: reqwest::Request) -> reqwest::Result<Response> {
        let url = request.url().clone();
        let mut request = Request::<Body>::try_from(request)?;
        let deadline = context::apply(request.headers_mut());
        request.headers_mut().insert(AUTHORIZATION, self.0.authorization());

        let result = match *request.method() {
            Method::GET => self.0.read(&Get { request, url, deadline }).await,
            _ => {
                deadline.announce(request.headers_mut());
                within(deadline, exchange(&self.0.pooled(), request, &url)).await
            }
        };
        match result {
            Ok(response) => Ok(response),
            Err(failure) => Err(into_reqwest(failure).await),
        }
    }
}

/// A read, which may be sent several times.
struct Get {
    request: Request<Body>,
    url: Url,
    deadline: Deadline,
}

impl Get {
    async fn send(&self, client: &HttpClient) -> Result<Response, Failure> {
        let mut request = Request::new(Body::default());
        request.uri_mut().clone_from(self.request.uri());
        request.headers_mut().clone_from(self.request.headers());
        self.deadline.announce(request.headers_mut());
        exchange(client, request, &self.url).await
    }

    fn time_left(&self) -> Duration {
        self.deadline.end.saturating_duration_since(Instant::now())
    }
}

impl Connections {
    fn authorization(&self) -> HeaderValue {
        self.authorization.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends a read, and sends it a second time if the connection failed or the response is a 503 (RFC 9110, section 9.2.2),
    /// but not before its `Retry-After` is over.
    async fn read(&self, get: &Get) -> Result<Response, Failure> {
        match self.hedge(get).await {
            Ok(response) if response.status() == StatusCode::SERVICE_UNAVAILABLE => {
                let pause = retry_after(response.headers()).unwrap_or(PAUSE);
                if get.deadline.left_to_announce() <= pause {
                    return Ok(response);
                }
                time::sleep(pause).await;
            }
            Err(Failure::Http(_) | Failure::Body(_)) => {}
            result => return result,
        }
        within(get.deadline, get.send(&self.unpooled)).await
    }

    /// Sends a read on a pooled connection, and also on a new one if there is no response for [`SILENCE`]. The first response
    /// counts.
    async fn hedge(&self, get: &Get) -> Result<Response, Failure> {
        let sent = Instant::now();
        let left = get.time_left();
        let timeout = if self.is_slow() { left } else { SILENCE.min(left / 2) };
        let pooled = self.pooled();
        let mut on_pooled = pin!(get.send(&pooled));
        if let Ok(result) = time::timeout(timeout, &mut on_pooled).await {
            if sent.elapsed() >= SILENCE {
                self.mark_slow();
            }
            return result;
        }
        let first = async {
            tokio::select! {
                Ok(response) = on_pooled => {
                    self.mark_slow();
                    Ok(response)
                }
                result = get.send(&self.unpooled) => {
                    self.close_pooled();
                    result
                }
            }
        };
        let result = within(get.deadline, first).await;
        if let Err(Failure::TimedOut) = result {
            self.mark_slow();
        }
        result
    }

    fn pooled(&self) -> HttpClient {
        self.pooled.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Closes all idle connections: when one is dead, the others are too, most likely.
    fn close_pooled(&self) {
        *self.pooled.lock().unwrap_or_else(PoisonError::into_inner) = http_client(MAX_IDLE, &self.tls);
    }

    fn is_slow(&self) -> bool {
        let slow_until = *self.slow_until.lock().unwrap_or_else(PoisonError::into_inner);
        slow_until.is_some_and(|until| Instant::now() < until)
    }

    fn mark_slow(&self) {
        *self.slow_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + SLOW);
    }
}

fn http_client(max_idle: usize, tls: &ClientConfig) -> HttpClient {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(max_idle)
        .http1_writev(false)
        .build(
            HttpsConnectorBuilder::new()
                .with_tls_config(tls.clone())
                .https_or_http()
                .enable_http1()
                .wrap_connector(connector),
        )
}

async fn exchange(client: &HttpClient, request: Request<Body>, url: &Url) -> Result<Response, Failure> {
    let response = client.request(request).await.map_err(Failure::Http)?;
    whole(response, url).await.map_err(Failure::Body)
}

async fn within<T>(deadline: Deadline, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    time::timeout_at(deadline.end.into(), work).await.unwrap_or(Err(Failure::TimedOut))
}

/// The generated clients return errors of reqwest, which only reqwest can create: this is the error of a body that cannot be
/// read, with the failure as its cause.
#[expect(clippy::expect_used, reason = "the body always fails")]
async fn into_reqwest(failure: Failure) -> reqwest::Error {
    let cause: Box<dyn error::Error + Send + Sync> = match failure {
        Failure::Http(error) => error.into(),
        Failure::Body(error) => error.into(),
        Failure::TimedOut => io::Error::new(io::ErrorKind::TimedOut, "the request timed out").into(),
    };
    let body = Body::wrap_stream(stream::iter([Err::<Bytes, _>(cause)]));
    body.collect().await.expect_err("the body fails")
}

//! The one transport of the clients: hyper-util's client, with deadlines, one retry of a read, and a second connection where
//! the first stays silent.
//!
//! hyper-util keeps the connections. It does not know that a kept connection may be dead: a firewall that has forgotten it, or
//! a host that is gone, sends nothing. So a read that gets no response for [`SILENCE`] is sent on a new connection as well, and
//! the first response counts.

use std::{
    error, io,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::stream;
use http::{
    Method, StatusCode, Uri,
    header::{AUTHORIZATION, HeaderValue},
};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use reqwest::{Body, Request, Response, Url};
use tokio::time;

use crate::{
    context,
    deadline::{self, CONNECT_TIMEOUT},
    response::{retry_after, whole},
};

/// How long an idle connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// How many idle connections are kept.
const MAX_IDLE: usize = 256;

/// How long a read waits for a response before it is sent on a new connection as well.
const SILENCE: Duration = Duration::from_millis(500);

/// For how long a service counts as slow after a response that took longer than [`SILENCE`]: its silence means nothing then.
const SLOW: Duration = Duration::from_secs(1);

/// The pause before a 503 without `Retry-After` is retried.
const PAUSE: Duration = Duration::from_millis(100);

type Http = Client<HttpConnector, Body>;

/// The connections to one service. Clones share them.
#[derive(Clone, Debug)]
pub struct Transport(Arc<Connections>);

#[derive(Debug)]
struct Connections {
    authorization: HeaderValue,
    /// Replaced, with all of its idle connections, when one of them was dead.
    kept: Mutex<Http>,
    /// Keeps no connection: each request gets a new one.
    fresh: Http,
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
    /// Sends `authorization` with each request.
    pub(crate) fn new(authorization: HeaderValue) -> Self {
        Self(Arc::new(Connections {
            authorization,
            kept: Mutex::new(http(MAX_IDLE)),
            fresh: http(0),
            slow_until: Mutex::default(),
        }))
    }

    /// Sends `request` and reads the whole response, within the deadline of the call.
    pub(crate) async fn send(&self, mut request: Request) -> reqwest::Result<Response> {
        let deadline = deadline::of_call(request.headers());
        let deadline = context::apply(request.headers_mut(), deadline);
        request.headers_mut().insert(AUTHORIZATION, self.0.authorization.clone());

        let url = request.url().clone();
        let result = match *request.method() {
            Method::GET => self.0.read(request, &url, deadline).await,
            _ => {
                deadline::announce(request.headers_mut(), deadline);
                self.0.send(request.try_into()?, &url, deadline).await
            }
        };
        match result {
            Ok(response) => Ok(response),
            Err(failure) => Err(in_reqwest(failure).await),
        }
    }
}

impl Connections {
    /// Sends a read a second time if the connection failed or the response is a 503 (RFC 9110, section 9.2.2), and not before
    /// its `Retry-After` is over.
    async fn read(&self, request: Request, url: &Url, deadline: Instant) -> Result<Response, Failure> {
        let uri = Uri::try_from(url.as_str()).unwrap_or_default();
        let mut headers = request.headers().clone();
        let mut get = || {
            deadline::announce(&mut headers, deadline);
            let mut request = http::Request::new(Body::default());
            *request.uri_mut() = uri.clone();
            request.headers_mut().clone_from(&headers);
            request
        };
        let pause = match self.hedge(&mut get, url, deadline).await {
            Ok(response) if response.status() == StatusCode::SERVICE_UNAVAILABLE => {
                let pause = retry_after(response.headers()).unwrap_or(PAUSE);
                if deadline.saturating_duration_since(Instant::now()) <= pause {
                    return Ok(response);
                }
                pause
            }
            Err(Failure::Http(_) | Failure::Body(_)) => Duration::ZERO,
            result => return result,
        };
        time::sleep(pause).await;
        within(deadline, exchange(&self.fresh, get(), url)).await
    }

    async fn hedge(
        &self,
        get: &mut impl FnMut() -> http::Request<Body>,
        url: &Url,
        deadline: Instant,
    ) -> Result<Response, Failure> {
        let asked = Instant::now();
        let left = deadline.saturating_duration_since(asked);
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut on_kept = pin!(exchange(&kept, get(), url));
        let silence = if self.is_slow() { left } else { SILENCE.min(left / 2) };
        let result = match time::timeout(silence, &mut on_kept).await {
            Ok(result) => result,
            Err(_) => {
                let on_new = exchange(&self.fresh, get(), url);
                let first = async {
                    tokio::select! {
                        Ok(response) = on_kept => Ok(response),
                        result = on_new => {
                            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = http(MAX_IDLE);
                            result
                        }
                    }
                };
                within(deadline, first).await
            }
        };
        if asked.elapsed() >= SILENCE {
            *self.slow_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + SLOW);
        }
        result
    }

    async fn send(
        &self,
        request: http::Request<Body>,
        url: &Url,
        deadline: Instant,
    ) -> Result<Response, Failure> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        within(deadline, exchange(&kept, request, url)).await
    }

    fn is_slow(&self) -> bool {
        let slow_until = *self.slow_until.lock().unwrap_or_else(PoisonError::into_inner);
        slow_until.is_some_and(|until| Instant::now() < until)
    }
}

fn http(max_idle: usize) -> Http {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_timer(TokioTimer::new())
        .pool_max_idle_per_host(max_idle)
        .http1_writev(false)
        .build(connector)
}

async fn exchange(http: &Http, request: http::Request<Body>, url: &Url) -> Result<Response, Failure> {
    let response: http::Response<Incoming> = http.request(request).await.map_err(Failure::Http)?;
    whole(response, url).await.map_err(Failure::Body)
}

async fn within<T>(deadline: Instant, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    time::timeout_at(deadline.into(), work).await.unwrap_or(Err(Failure::TimedOut))
}

/// The generated clients want an error of reqwest, which only reqwest can make: here, of a body that cannot be read.
async fn in_reqwest(failure: Failure) -> reqwest::Error {
    let error: Box<dyn error::Error + Send + Sync> = match failure {
        Failure::Http(error) => error.into(),
        Failure::Body(error) => error.into(),
        Failure::TimedOut => io::Error::new(io::ErrorKind::TimedOut, "operation timed out").into(),
    };
    let body = Body::wrap_stream(stream::iter([Err::<Bytes, _>(error)]));
    match body.collect().await {
        Err(error) => error,
        Ok(_) => unreachable!("the body fails"),
    }
}

//! Connections to a service that are kept from one read to the next.
//!
//! reqwest parses the address of a request three times, copies its head for redirects that are never followed, and leaves the
//! connection to a task of its own, perhaps on another thread: together a third of the time that an order takes. Here whoever
//! waits for the answer drives the connection. This knows only how it goes well; whatever does not is sent again with reqwest,
//! which knows all the ways in which it can go wrong.

use std::{
    collections::VecDeque,
    future,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{
    Request, Response, Uri,
    header::{AUTHORIZATION, HOST, HeaderMap, HeaderValue},
};
use http_body_util::Empty;
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use reqwest::Url;
use tokio::{
    net::TcpStream,
    time::{self, error::Elapsed},
};

use crate::deadline::{self, CONNECT_TIMEOUT};

/// How long a connection is kept that nobody uses.
pub(crate) const KEPT: Duration = Duration::from_secs(30);

/// How many connections are kept.
const LIMIT: usize = 256;

/// How long an answer on a kept connection may take before a new one is asked as well: a peer that is gone, or a firewall
/// that has forgotten the connection, says nothing.
const KEPT_TIMEOUT: Duration = Duration::from_millis(500);

/// For how long a service is not asked twice that was slow on a kept connection, but did answer.
const SLOW: Duration = Duration::from_secs(1);

/// The connections to one service, and what it is sent with each request. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Pool(Arc<Service>);

#[derive(Debug)]
struct Service {
    host: String,
    port: u16,
    authority: HeaderValue,
    authorization: HeaderValue,
    /// The one that was used last comes last.
    idle: Mutex<VecDeque<Connection>>,
    /// Until then slow answers are the service's doing, and not the connections'.
    slow_until: Mutex<Option<Instant>>,
}

impl Pool {
    /// Connections to where `base` is, on which requests are authorized with `authorization`.
    pub(crate) fn new(base: &Url, authorization: HeaderValue) -> Option<Self> {
        let (host, port) = (base.host_str()?, base.port_or_known_default()?);
        let authority = HeaderValue::try_from(format!("{host}:{port}")).ok()?;
        let host = host.trim_matches(['[', ']']).to_owned();
        let (idle, slow_until) = (Mutex::default(), Mutex::default());
        Some(Self(Arc::new(Service { host, port, authority, authorization, idle, slow_until })))
    }

    /// Reads what is at `url`, and makes something of the answer with `take`. None if there is no whole answer.
    ///
    /// A kept connection is not trusted with the whole time until `deadline`: while nothing comes on it, a new one is asked as
    /// well, and the first answer counts.
    ///
    /// # Errors
    /// The deadline is over.
    pub(crate) async fn get<T, F: Future<Output = Option<T>>>(
        &self,
        url: &Url,
        headers: &mut HeaderMap,
        deadline: Instant,
        take: impl Fn(Response<Incoming>) -> F,
    ) -> Result<Option<T>, Elapsed> {
        let service = &*self.0;
        let left = deadline::announce(headers, deadline);
        let Some(request) = service.request(url, headers) else { return Ok(None) };
        let Some(kept) = service.idle_connection() else {
            let on_new = async { service.ask(service.connect().await?, request, &take).await };
            return time::timeout_at(deadline.into(), on_new).await;
        };

        let asked = Instant::now();
        let mut on_kept = pin!(service.ask(kept, request, &take));
        let patience = if service.is_slow() { left } else { KEPT_TIMEOUT.min(left / 2) };
        match time::timeout_at((asked + patience).into(), &mut on_kept).await {
            Ok(None) => {
                service.distrust(asked);
                return Ok(None);
            }
            Ok(answer) => return Ok(answer),
            Err(_) => {}
        }

        deadline::announce(headers, deadline);
        let Some(request) = service.request(url, headers) else { return Ok(None) };
        let on_new = async { service.ask(service.connect().await?, request, &take).await };
        let first = async {
            tokio::select! {
                Some(answer) = on_kept => {
                    service.was_slow();
                    Some(answer)
                }
                answer = on_new => {
                    service.distrust(asked);
                    answer
                }
            }
        };
        time::timeout_at(deadline.into(), first).await
    }
}

impl Service {
    fn request(&self, url: &Url, headers: &HeaderMap) -> Option<Request<Empty<Bytes>>> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = match url.query() {
            None => Uri::try_from(url.path()).ok()?,
            Some(query) => Uri::try_from(format!("{}?{query}", url.path())).ok()?,
        };
        request.headers_mut().clone_from(headers);
        request.headers_mut().insert(HOST, self.authority.clone());
        request.headers_mut().insert(AUTHORIZATION, self.authorization.clone());
        Some(request)
    }

    /// Sends `request` on `connection`, which is kept if all went well, and closed if not or if nobody waits any more.
    async fn ask<T, F: Future<Output = Option<T>>>(
        &self,
        mut connection: Connection,
        request: Request<Empty<Bytes>>,
        take: impl Fn(Response<Incoming>) -> F,
    ) -> Option<T> {
        let answer = connection.requests.send_request(request);
        let taken = connection.drive(pin!(async { take(answer.await.ok()?).await })).await?;
        self.keep(connection);
        Some(taken)
    }

    /// The connection that was used last and can be used again.
    fn idle_connection(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(mut connection) = idle.pop_back() {
            if connection.is_usable() {
                return Some(connection);
            }
        }
        None
    }

    fn keep(&self, mut connection: Connection) {
        connection.used = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while idle.len() >= LIMIT || idle.front().is_some_and(|oldest| oldest.used.elapsed() > KEPT) {
            idle.pop_front();
        }
        idle.push_back(connection);
    }

    /// Closes every connection on which nothing has come since `then`, when one of them fell silent or failed: the others
    /// have gone the same way, most likely.
    fn distrust(&self, then: Instant) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connection| connection.used >= then);
    }

    fn was_slow(&self) {
        *self.slow_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + SLOW);
    }

    fn is_slow(&self) -> bool {
        let slow_until = *self.slow_until.lock().unwrap_or_else(PoisonError::into_inner);
        slow_until.is_some_and(|until| Instant::now() < until)
    }

    async fn connect(&self) -> Option<Connection> {
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let stream = time::timeout(CONNECT_TIMEOUT, connecting).await.ok()?.ok()?;
        stream.set_nodelay(true).ok()?;
        let (requests, driver) =
            http1::Builder::new().writev(false).handshake(TokioIo::new(stream)).await.ok()?;
        Some(Connection { requests, driver: Box::pin(driver), used: Instant::now() })
    }
}

#[derive(Debug)]
struct Connection {
    requests: http1::SendRequest<Empty<Bytes>>,
    /// Has to be polled for anything to be sent or received.
    driver: Pin<Box<http1::Connection<TokioIo<TcpStream>, Empty<Bytes>>>>,
    used: Instant,
}

impl Connection {
    /// Whether the service has not closed it and nothing is left of the last answer.
    fn is_usable(&mut self) -> bool {
        let driver = self.driver.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        driver.is_pending() && self.requests.is_ready()
    }

    /// Does `work`, which waits for nothing but this connection, and therefore needs not be woken by anything else.
    fn drive<T>(
        &mut self,
        mut work: Pin<&mut impl Future<Output = Option<T>>>,
    ) -> impl Future<Output = Option<T>> {
        future::poll_fn(move |context| {
            let driver = self.driver.as_mut().poll(context);
            match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Pending if driver.is_ready() => Poll::Ready(None),
                outcome => outcome,
            }
        })
    }
}

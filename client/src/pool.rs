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
use tokio::{net::TcpStream, time};

use crate::connection::CONNECT_PATIENCE;

/// How long a connection is kept that nobody uses.
const KEPT: Duration = Duration::from_secs(30);

/// How many connections are kept.
const LIMIT: usize = 256;

/// The connections to one service, and what it is sent with each request. Clones share them.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Service>);

#[derive(Debug)]
struct Service {
    host: String,
    port: u16,
    authority: HeaderValue,
    authorization: HeaderValue,
    /// The one that was used last comes last.
    idle: Mutex<VecDeque<Connection>>,
}

impl Pool {
    /// Connections to where `base` is, on which requests are authorized with `authorization`.
    pub(crate) fn new(base: &Url, authorization: HeaderValue) -> Option<Self> {
        let (host, port) = (base.host_str()?, base.port_or_known_default()?);
        let authority = HeaderValue::try_from(format!("{host}:{port}")).ok()?;
        let host = host.trim_matches(['[', ']']).to_owned();
        let idle = Mutex::default();
        Some(Self(Arc::new(Service { host, port, authority, authorization, idle })))
    }

    /// Reads what is at `url`, and makes something of the answer with `take`. None if there is no whole answer, or if
    /// the service is asked for with another scheme than `http`.
    pub(crate) async fn get<T, F: Future<Output = Option<T>>>(
        &self,
        url: &Url,
        headers: HeaderMap,
        take: impl FnOnce(Response<Incoming>) -> F,
    ) -> Option<T> {
        if url.scheme() != "http" {
            return None;
        }
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = match url.query() {
            None => Uri::try_from(url.path()).ok()?,
            Some(query) => Uri::try_from(format!("{}?{query}", url.path())).ok()?,
        };
        *request.headers_mut() = headers;
        request.headers_mut().insert(HOST, self.0.authority.clone());
        request.headers_mut().insert(AUTHORIZATION, self.0.authorization.clone());

        let mut connection = match self.0.idle_connection() {
            Some(connection) => connection,
            None => self.0.connect().await?,
        };
        let answer = connection.requests.send_request(request);
        let taken = connection.drive(pin!(async { take(answer.await.ok()?).await })).await?;
        self.0.keep(connection);
        Some(taken)
    }
}

impl Service {
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

    async fn connect(&self) -> Option<Connection> {
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let stream = time::timeout(CONNECT_PATIENCE, connecting).await.ok()?.ok()?;
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

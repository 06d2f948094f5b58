//! A front: a proxy in front of a service, which injects the chosen faults.

use std::{
    future::pending,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use faults::{
    message::{Request, Response},
    network::Wire,
};
use futures_util::{TryFutureExt, stream};
use http_body_util::{BodyExt, Full, Limited, StreamBody, combinators::BoxBody};
use hyper::{
    Method,
    body::{Bytes, Frame, Incoming},
    header::{self, HeaderName},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, duplex, sink, split},
    net::{TcpListener, TcpSocket, TcpStream},
    runtime::Handle,
    time::sleep,
};

use super::faults::Faults;
use crate::http;

/// How many connections may wait to be taken.
const BACKLOG: u32 = 1024;
/// How long to wait after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a service may take to respond.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The largest body of a request. Services refuse what is much smaller.
const BODY_LIMIT: usize = 1024 * 1024;
/// The pause between two bytes that drip.
const DRIP: Duration = Duration::from_millis(250);
/// The part of a body without end that is sent at once, and the pause after it.
const PART: &[u8] = &[b' '; 64 * 1024];
const PART_PAUSE: Duration = Duration::from_millis(10);

/// Headers that belong to one connection, or follow from the body (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 3] = [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING];

type Body = BoxBody<Bytes, io::Error>;

/// A proxy in front of a service.
pub(super) struct Front {
    address: SocketAddr,
    /// Holds the address of one that refuses connections.
    _refusing: Option<TcpSocket>,
}

struct Shared {
    http: reqwest::Client,
    /// The URL of the service.
    url: String,
    faults: Faults,
    is_on: Arc<AtomicBool>,
}

impl Front {
    /// Starts one at the address `at`, before the service at the address `service`.
    ///
    /// # Errors
    /// The address cannot be listened at.
    pub(super) fn start(
        at: SocketAddr,
        service: SocketAddr,
        faults: Faults,
        is_on: Arc<AtomicBool>,
    ) -> io::Result<Self> {
        let socket = if at.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        let is_refusing = faults.wire == Some(Wire::Refuses);
        socket.set_reuseaddr(!is_refusing)?;
        socket.bind(at)?;
        let address = socket.local_addr()?;
        if is_refusing {
            return Ok(Self { address, _refusing: Some(socket) });
        }
        let listener = socket.listen(BACKLOG)?;
        let http = http::client(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            // A connection that the service is about to close would cause an error without a fault.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(io::Error::other)?;
        let url = crate::address::url(service);
        tokio::spawn(accept(listener, Arc::new(Shared { http, url, faults, is_on })));
        Ok(Self { address, _refusing: None })
    }

    /// Where it is.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            // The caller or the fault has ended the connection.
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, shared.clone()))),
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn connection(mut stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    match shared.wire() {
        Some(Wire::SaysNothing) => drop(copy(&mut stream, &mut sink()).await?),
        // Unread data would cause a reset.
        Some(Wire::HangsUp) => drop(stream.read(&mut [0; 1024]).await?),
        Some(Wire::Resets) => {
            let _ = stream.read(&mut [0; 1024]).await?;
            stream.set_zero_linger()?;
        }
        Some(Wire::DripsTheHead) => {
            let (ours, theirs) = duplex(BODY_LIMIT);
            let (mut from_caller, to_caller) = stream.into_split();
            let (from_us, mut to_us) = split(theirs);
            tokio::spawn(serve(ours, shared));
            // Either ends when the caller is gone, and the second one when all has been sent.
            tokio::select! {
                _ = copy(&mut from_caller, &mut to_us).and_then(|_| pending::<io::Result<()>>()) => {}
                _ = drip(from_us, to_caller) => {}
            }
        }
        _ => serve(stream, shared).await,
    }
    Ok(())
}

/// Sends what is read a byte at a time.
async fn drip(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    loop {
        let byte = from.read_u8().await?;
        to.write_all(&[byte]).await?;
        sleep(DRIP).await;
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, shared: Arc<Shared>) {
    let service = service_fn(move |request| respond(request, shared.clone()));
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(
    request: hyper::Request<Incoming>,
    shared: Arc<Shared>,
) -> io::Result<hyper::Response<Body>> {
    let (head, body) = request.into_parts();
    let (is_head, is_preflight) = (head.method == Method::HEAD, head.method == Method::OPTIONS);
    let is_of_page = head.headers.contains_key(header::ORIGIN);
    let request = Request {
        method: head.method.to_string(),
        path: head.uri.path_and_query().map_or_else(String::new, ToString::to_string),
        headers: headers(&head.headers, false),
        body: Limited::new(body, BODY_LIMIT).collect().await.map_err(io::Error::other)?.to_bytes().to_vec(),
    };
    let wire = shared.wire().filter(|_| !is_preflight);
    let handle = Handle::current();
    // Tampering waits for the service, once or several times.
    let response = tokio::task::spawn_blocking(move || shared.respond(request, &handle)).await;
    let mut response = response.unwrap_or_else(|error| failed(&error));
    // A page is to see what went wrong, as it would from a proxy that knows of it.
    if is_of_page && response.header("Access-Control-Allow-Origin").is_none() {
        response.set_header("Access-Control-Allow-Origin", Some("*"));
    }
    if wire == Some(Wire::TakesASecond) {
        sleep(Duration::from_secs(1)).await;
    }
    let mut builder = hyper::Response::builder().status(response.status);
    let is_announced = matches!(wire, Some(Wire::DripsTheBody | Wire::BreaksOff));
    for (name, value) in &response.headers {
        // A response to HEAD has the length that one to GET would have.
        if is_head || !name.eq_ignore_ascii_case(header::CONTENT_LENGTH.as_str()) {
            builder = builder.header(name, value);
        }
    }
    if is_announced && !is_head {
        builder = builder.header(header::CONTENT_LENGTH, response.body.len());
    }
    builder.body(sent(response.body, wire)).map_err(io::Error::other)
}

/// The body, as it is sent.
fn sent(body: Vec<u8>, wire: Option<Wire>) -> Body {
    match wire {
        Some(Wire::BreaksOff) => {
            let half = Bytes::copy_from_slice(&body[..body.len() / 2]);
            let parts = stream::unfold(Some(half), |half| async {
                if let Some(half) = half {
                    return Some((Ok(Frame::data(half)), None));
                }
                // Without a pause, the first half would not be sent.
                sleep(DRIP).await;
                Some((Err(io::Error::other("the connection breaks off here")), None))
            });
            BodyExt::boxed(StreamBody::new(Box::pin(parts)))
        }
        Some(Wire::DripsTheBody) => {
            let bytes = stream::unfold(body.into_iter(), |mut rest| async move {
                let byte = rest.next()?;
                sleep(DRIP).await;
                Some((Ok(Frame::data(Bytes::copy_from_slice(&[byte]))), rest))
            });
            BodyExt::boxed(StreamBody::new(Box::pin(bytes)))
        }
        Some(Wire::NeverEnds) => {
            let blanks = stream::unfold((), |()| async {
                sleep(PART_PAUSE).await;
                Some((Ok(Frame::data(Bytes::from_static(PART))), ()))
            });
            BodyExt::boxed(StreamBody::new(Box::pin(blanks)))
        }
        _ => Full::from(body).map_err(|never| match never {}).boxed(),
    }
}

impl Shared {
    /// The current fault of connections.
    fn wire(&self) -> Option<Wire> {
        self.faults.wire.filter(|_| self.is_on.load(Ordering::Relaxed))
    }

    fn respond(&self, request: Request, handle: &Handle) -> Response {
        let is_on = self.is_on.load(Ordering::Relaxed);
        let tampers = if is_on { self.faults.tampers.as_slice() } else { &[] };
        self.tampered(request, tampers, handle)
    }

    /// The response with all of these faults, the first of which is next to the caller.
    fn tampered(&self, request: Request, tampers: &[faults::fault::Tamper], handle: &Handle) -> Response {
        match tampers.split_first() {
            Some((first, rest)) => first(request, &|request| self.tampered(request.clone(), rest, handle)),
            None => handle.block_on(self.forward(request)).unwrap_or_else(|error| failed(&error)),
        }
    }

    async fn forward(&self, request: Request) -> Result<Response, String> {
        let method: Method = request.method.parse().map_err(|_| "the method is not valid".to_owned())?;
        let mut builder = self.http.request(method.clone(), format!("{}{}", self.url, request.path));
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if !request.body.is_empty() {
            builder = builder.body(request.body);
        }
        let response = builder.send().await.map_err(|error| error.to_string())?;
        let (status, headers) =
            (response.status().as_u16(), headers(response.headers(), method == Method::HEAD));
        let body = response.bytes().await.map_err(|error| error.to_string())?.to_vec();
        Ok(Response { status, headers, body })
    }
}

/// The headers that are passed on.
fn headers(headers: &hyper::HeaderMap, has_length: bool) -> Vec<(String, String)> {
    let is_passed =
        |name: &HeaderName| !HOP_BY_HOP.contains(name) || has_length && name == header::CONTENT_LENGTH;
    let passed = headers.iter().filter(|(name, _)| is_passed(name));
    passed
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

fn failed(why: &impl std::fmt::Display) -> Response {
    tracing::warn!(%why, "the fault could not be injected");
    let body = format!("The service behind this fault cannot be reached: {why}.\n");
    Response { status: 502, headers: vec![("Content-Type".into(), "text/plain".into())], body: body.into() }
}

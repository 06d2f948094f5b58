//! The page that links to all services. The store serves it itself, on an address of its own, since no service knows all others.

mod content;

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use chassis::settings::listen_address;
use clap::Args;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{self, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};

pub(crate) use self::content::{Content, Entry};

/// How many callers are served at the same time.
const MAX_CONNECTIONS: usize = 32;
/// How long a caller may take to ask and to read the response.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait after a connection could not be accepted, as when file descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The page has no scripts and fetches nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Where the page is.
#[derive(Args, Clone, Debug)]
pub(crate) struct StartPageSettings {
    /// Listen address of the start page, or `none`
    #[arg(long, env = "STORE_LISTEN", default_value = "127.0.0.1:5000", value_name = "ADDRESS", value_parser = listen)]
    store_listen: Listen,
}

/// The address to listen on, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Listen(Option<SocketAddr>);

fn listen(text: &str) -> Result<Listen, String> {
    match text {
        "none" => Ok(Listen(None)),
        address => Ok(Listen(Some(listen_address(address)?))),
    }
}

impl StartPageSettings {
    /// Binds the address. None if there is to be no page.
    ///
    /// # Errors
    /// A sentence that says why it cannot be bound. The services do not need it.
    pub(crate) async fn bind(&self) -> Result<Option<TcpListener>, String> {
        let Listen(Some(address)) = self.store_listen else { return Ok(None) };
        TcpListener::bind(address).await.map(Some).map_err(|error| {
            format!(
                "there is no start page, because {address} cannot be bound ({error}): set STORE_LISTEN to another \
                 address, or to none."
            )
        })
    }
}

/// Serves the page, for as long as this is polled.
pub(crate) async fn serve(listener: TcpListener, content: Content) {
    let content = Arc::new(content);
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve_connection(stream, content.clone(), permit))),
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Serves one request, so that an idle connection does not block others.
async fn serve_connection(stream: TcpStream, content: Arc<Content>, _permit: OwnedSemaphorePermit) {
    let service = service_fn(|request| {
        let response = respond(&request, &content);
        async { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // A caller that is gone needs no response.
    let _ = timeout(TIMEOUT, connection).await;
}

fn respond(request: &Request<Incoming>, content: &Content) -> Response<Full<Bytes>> {
    let is_read = [Method::GET, Method::HEAD].contains(request.method());
    let (status, content_type, body) = match request.uri().path() {
        "/" if is_read => {
            let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
            (StatusCode::OK, "text/html; charset=utf-8", content.html(host))
        }
        "/" => (StatusCode::METHOD_NOT_ALLOWED, "text/plain", "This page allows only GET and HEAD.\n".into()),
        _ => (StatusCode::NOT_FOUND, "text/plain", "The page is at /.\n".into()),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

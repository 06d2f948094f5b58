//! A service that sends the responses that a test defines, for behaviour that no flaw of the notes service has.

use std::{
    convert::Infallible,
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use bytes::Bytes;
use contract_tests::harness::accepting;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::sync::mpsc::{Sender, channel};

/// What a service is asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// With the query.
    pub(crate) path: String,
    /// Their names in lower case.
    headers: Vec<(String, String)>,
    /// `null` if it is not JSON.
    pub(crate) body: Value,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What it answers.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    media_type: &'static str,
    /// Empty if there is none.
    body: Vec<u8>,
}

impl Reply {
    /// A body of `null` is none.
    pub(crate) fn new(status: u16, body: Value) -> Self {
        Self::bytes(status, if body.is_null() { Vec::new() } else { body.to_string().into_bytes() })
    }

    pub(crate) fn bytes(status: u16, body: Vec<u8>) -> Self {
        Self { status, headers: Vec::new(), media_type: "application/json", body }
    }

    /// The body; `null` if it is not JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The service stops, and no longer responds.
    pub(crate) fn stop() -> Self {
        Self::new(0, Value::Null)
    }

    pub(crate) fn of_type(self, media_type: &'static str) -> Self {
        Self { media_type, ..self }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

type Script = Arc<Mutex<dyn FnMut(&Asked) -> Reply + Send>>;

/// Starts a service that runs until the test ends. Returns where it is.
pub(crate) fn start(script: impl FnMut(&Asked) -> Reply + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || serve(listener, Arc::new(Mutex::new(script))));
    url
}

#[tokio::main(flavor = "current_thread")]
async fn serve(listener: TcpListener, script: Script) {
    let (stop, mut stopped) = channel::<()>(1);
    let take = |stream| {
        let (script, stop) = (script.clone(), stop.clone());
        let response = service_fn(move |request| respond(request, script.clone(), stop.clone()));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), response));
    };
    tokio::select! {
        _ = accepting::each(listener, take) => {}
        _ = stopped.recv() => {}
    }
}

async fn respond(
    request: Request<Incoming>,
    script: Script,
    stop: Sender<()>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let asked = Asked {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let reply = script.lock().unwrap()(&asked);
    if reply.status == 0 {
        let _ = stop.send(()).await;
        // The connection is never answered, since the runtime is gone before.
        std::future::pending::<()>().await;
    }
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    if reply.body.is_empty() {
        return Ok(response.body(Full::default()).unwrap());
    }
    let response = response.header("Content-Type", reply.media_type);
    Ok(response.body(Full::new(reply.body.into())).unwrap())
}

//! A collector of traces that keeps nothing.

use std::{
    convert::Infallible,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use bytes::Bytes;
use contract_tests::harness::accepting;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;

/// It accepts all exports, and lives as long as the test's process.
pub(crate) struct Collector {
    pub(crate) url: String,
    exports: Arc<AtomicUsize>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let exports = Arc::default();
        let counter = Arc::clone(&exports);
        thread::spawn(move || serve(listener, counter));
        Self { url, exports }
    }

    /// How many exports have come.
    pub(crate) fn count(&self) -> usize {
        self.exports.load(Ordering::Relaxed)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn serve(listener: TcpListener, exports: Arc<AtomicUsize>) {
    let accept = service_fn(move |request: Request<Incoming>| {
        let exports = exports.clone();
        async move {
            let _ = request.into_body().collect().await;
            exports.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    accepting::each(listener, |stream| {
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), accept.clone()));
    })
    .await;
}

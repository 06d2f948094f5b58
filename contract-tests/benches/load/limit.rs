//! The limit: what the machine, hyper and SQLite can do at most.

use std::{
    convert::Infallible,
    net::SocketAddr,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, header::CONTENT_TYPE, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rusqlite::Connection;
use tokio::{net::TcpListener, runtime};

/// What every request is answered with.
const PRODUCT: &str = r#"{"id":1,"name":"Computer","price":200,"stock":20}"#;

/// Answers every request with the same product, with nothing but hyper, and prints where, as the services do.
pub(crate) fn serve(name: &str) -> ExitCode {
    let runtime = runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
        println!("{name} is ready at http://{}", listener.local_addr().expect("an address"));
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("a connection without delay");
            let answer = service_fn(|_| async {
                let body = Full::new(Bytes::from_static(PRODUCT.as_bytes()));
                let response = Response::builder().header(CONTENT_TYPE, "application/json").body(body);
                Ok::<_, Infallible>(response.expect("an answer"))
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    })
}

/// How long SQLite takes to insert a product and commit it durably, if it has nothing else to do: the median of what can
/// be done in `time`.
pub(crate) fn commit(folder: &Path, time: Duration) -> Duration {
    let connection = Connection::open(folder.join("limit.db")).expect("a database");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE IF NOT EXISTS product (id INTEGER PRIMARY KEY, name TEXT, price REAL, stock INTEGER) STRICT;
             CREATE TABLE filler AS SELECT randomblob(5000000); DROP TABLE filler; PRAGMA wal_checkpoint (RESTART)",
        )
        .expect("a table and a write-ahead log that need not grow");
    let mut insert = connection
        .prepare("INSERT INTO product (name, price, stock) VALUES ('Computer', 200, 20)")
        .expect("a statement");
    let started = Instant::now();
    let mut times = Vec::new();
    while started.elapsed() < time {
        let began = Instant::now();
        insert.execute([]).expect("an insert");
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times[times.len() / 2]
}

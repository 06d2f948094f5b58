//! The limit: the most that the machine, hyper and SQLite can do.
//!
//! One server, without any promise. Every read returns the same product, so that a read costs only what hyper costs. Every write
//! stores the body as sent, in a commit shared with all queued writes, after a call to the upstream if there is one. This is the
//! minimal form of what the store's services do, so its throughput is the upper bound of theirs.

use std::{
    convert::Infallible,
    env, future,
    net::SocketAddr,
    path::Path,
    pin::{Pin, pin},
    process::ExitCode,
    sync::{Arc, Mutex, mpsc},
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    client::conn::http1 as client,
    header::{CONTENT_TYPE, HOST},
    server::conn::http1 as server,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rusqlite::Connection;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
    sync::oneshot,
};

/// The variable that says where the upstream is.
pub(crate) const UPSTREAM: &str = "LIMIT_UPSTREAM";

/// The variable that says how many threads handle requests.
pub(crate) const THREADS: &str = "LIMIT_THREADS";

/// The body of every response.
const PRODUCT: &str = r#"{"id":1,"name":"Computer","price":200,"stock":20}"#;

/// How often the writer looks out for the next write before it sleeps.
const SPIN_TIMEOUTS: usize = 100;

/// Serves at a free port, and prints where, as the services do.
pub(crate) fn serve(name: &str) -> ExitCode {
    let threads = env::var(THREADS).map(|threads| threads.parse().expect("a number of threads"));
    let mut runtime = runtime::Builder::new_multi_thread();
    if let Ok(threads) = threads {
        runtime.worker_threads(threads);
    }
    runtime.enable_all().build().expect("a runtime").block_on(async {
        let (writer, writes) = mpsc::channel();
        let folder = env::var("DATA_DIR").expect("a folder");
        thread::spawn(move || write(&database(Path::new(&folder)), &writes));
        let upstream = env::var(UPSTREAM).map(|url| FakeUpstream::at(&url)).ok();
        let service = Arc::new(Service { writer, upstream });

        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
        println!("{name} is ready at http://{}", listener.local_addr().expect("an address"));
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("a connection without delay");
            let service = service.clone();
            let response = service_fn(move |request| {
                let service = service.clone();
                async move { Ok::<_, Infallible>(service.respond(request).await) }
            });
            tokio::spawn(server::Builder::new().serve_connection(TokioIo::new(stream), response));
        }
    })
}

struct Service {
    writer: mpsc::Sender<Write>,
    upstream: Option<FakeUpstream>,
}

impl Service {
    async fn respond(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let mut status = StatusCode::OK;
        if request.method() == Method::POST {
            status = StatusCode::CREATED;
            let body = request.into_body().collect().await.expect("a body").to_bytes();
            if let Some(upstream) = &self.upstream {
                upstream.ask().await;
            }
            let (caller, written) = oneshot::channel();
            self.writer.send(Write { body, caller }).expect("a writer");
            written.await.expect("a commit");
        }
        let response = Response::builder().status(status).header(CONTENT_TYPE, "application/json");
        response.body(PRODUCT.into()).expect("a response")
    }
}

struct Write {
    body: Bytes,
    caller: oneshot::Sender<()>,
}

/// Writes all that has queued up in one transaction, and tells the callers after its commit.
fn write(connection: &Connection, writes: &mpsc::Receiver<Write>) {
    let prepare = |sql| connection.prepare(sql).expect("a statement");
    let [mut begin, mut insert, mut commit] =
        ["BEGIN IMMEDIATE", "INSERT INTO thing (body) VALUES (?1)", "COMMIT"].map(prepare);
    let soon = || {
        thread::yield_now();
        writes.try_recv().ok()
    };
    while let Some(first) = (0..SPIN_TIMEOUTS).find_map(|_| soon()).or_else(|| writes.recv().ok()) {
        let mut callers = Vec::new();
        begin.execute([]).expect("a transaction");
        let mut next = Some(first);
        while let Some(Write { body, caller }) = next {
            insert.execute([&*body]).expect("an insert");
            callers.push(caller);
            next = writes.try_recv().ok();
        }
        commit.execute([]).expect("a commit");
        for caller in callers {
            let _ = caller.send(());
        }
    }
}

/// The service that is asked before something is written.
struct FakeUpstream {
    address: SocketAddr,
    idle: Mutex<Vec<PooledConnection>>,
}

/// A connection that is reused, and driven by the task that sends a request.
struct PooledConnection {
    requests: client::SendRequest<Empty<Bytes>>,
    driver: Pin<Box<client::Connection<TokioIo<TcpStream>, Empty<Bytes>>>>,
}

impl FakeUpstream {
    fn at(url: &str) -> Self {
        let address = url.trim_start_matches("http://").parse().expect("an address");
        Self { address, idle: Mutex::default() }
    }

    /// Asks for something and reads the response.
    async fn ask(&self) {
        let idle = self.idle.lock().expect("connections").pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.connect().await,
        };
        let request = Request::get("/products/1").header(HOST, "upstream").body(Empty::new());
        let response = connection.requests.send_request(request.expect("a request"));
        let mut response = pin!(async { response.await.expect("a response").into_body().collect().await });
        let response = future::poll_fn(|context| {
            let driver = connection.driver.as_mut().poll(context);
            match response.as_mut().poll(context) {
                Poll::Pending if driver.is_ready() => panic!("the upstream hung up"),
                outcome => outcome,
            }
        });
        response.await.expect("a whole response");
        self.idle.lock().expect("connections").push(connection);
    }

    async fn connect(&self) -> PooledConnection {
        let stream = TcpStream::connect(self.address).await.expect("the upstream");
        stream.set_nodelay(true).expect("a connection without delay");
        let (requests, driver) = client::handshake(TokioIo::new(stream)).await.expect("a connection");
        PooledConnection { requests, driver: Box::pin(driver) }
    }
}

/// How long SQLite takes to insert a row and commit it durably, if it has nothing else to do: the median of what can
/// be done in `time`.
pub(crate) fn commit(folder: &Path, time: Duration) -> Duration {
    let connection = database(folder);
    let mut insert = connection.prepare("INSERT INTO thing (body) VALUES (?1)").expect("a statement");
    let started = Instant::now();
    let mut times = Vec::new();
    while started.elapsed() < time {
        let began = Instant::now();
        insert.execute([PRODUCT]).expect("an insert");
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times[times.len() / 2]
}

/// A database with one table and a write-ahead log that need not grow.
fn database(folder: &Path) -> Connection {
    let connection = Connection::open(folder.join("limit.db")).expect("a database");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE IF NOT EXISTS thing (id INTEGER PRIMARY KEY, body ANY) STRICT;
             CREATE TABLE filler AS SELECT randomblob(5000000); DROP TABLE filler; PRAGMA wal_checkpoint (RESTART)",
        )
        .expect("a table and a write-ahead log");
    connection
}

//! Load: many connections in a closed loop, which send the next request after a response, or in an open loop, at a fixed rate.
//!
//! The closed loop shows the highest rate. It says little about latency, since a server that stalls gets fewer requests meanwhile
//! ("coordinated omission"). The open loop keeps sending, and measures from the time at which a request was due.

use std::{
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, StatusCode,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    runtime::{self, Runtime},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinSet,
};

/// How many threads send requests. As many as respond: the machine is shared half and half.
const THREADS: usize = 2;

/// The load: a request for each number, and the status of its response.
pub struct Question {
    /// The server.
    pub server: SocketAddr,
    /// The request with a number.
    pub request: Box<dyn Fn(u64) -> Request<Full<Bytes>> + Send + Sync>,
    /// The status of every response; another one ends the benchmark.
    pub status: StatusCode,
}

/// How many responses there were, and their latencies.
pub struct Responses {
    /// How many responses a second.
    pub rate: f64,
    /// In microseconds.
    pub latencies: Histogram<u64>,
}

/// Sends requests on `connections` for `time`, each as soon as the last one has its response. The time begins when all of them are
/// open.
pub fn closed_loop(question: &'static Question, connections: usize, time: Duration) -> Responses {
    let threads = THREADS.min(connections);
    let are_open = Barrier::new(threads);
    let (latencies, took) = thread::scope(|scope| {
        let ask = |thread: usize| {
            let are_open = &are_open;
            scope.spawn(move || {
                let runtime = runtime();
                let open = |index| (index, runtime.block_on(Connection::open(question.server)));
                // A thread that fails does not leave the others waiting.
                let own = catch_unwind(AssertUnwindSafe(|| {
                    (thread..connections).step_by(threads).map(open).collect::<Vec<_>>()
                }));
                are_open.wait();
                let own = own.unwrap_or_else(|panic| resume_unwind(panic));
                let started = Instant::now();
                let until = started + time;
                let each = own.into_iter().map(move |(index, mut connection)| async move {
                    let mut latencies = histogram();
                    let mut number = index as u64;
                    while Instant::now() < until {
                        let asked = Instant::now();
                        connection.ask(question, number).await;
                        record(&mut latencies, asked);
                        number += connections as u64;
                    }
                    latencies
                });
                (on_this_thread(&runtime, each), started.elapsed())
            })
        };
        let threads: Vec<_> = (0..threads).map(ask).collect();
        let both = threads.into_iter().map(|thread| thread.join().expect("a thread that asks"));
        let (latencies, times): (Vec<_>, Vec<_>) = both.unzip();
        (sum(latencies.into_iter()), times.into_iter().max().unwrap_or(time))
    });
    Responses { rate: latencies.len() as f64 / took.as_secs_f64(), latencies }
}

/// Asks `rate` times a second on `connections` for `time`, each in its turn.
pub fn open_loop(question: &'static Question, connections: usize, time: Duration, rate: f64) -> Responses {
    let (turns, waiting): (Vec<_>, Vec<_>) = (0..connections).map(|_| unbounded_channel()).unzip();
    let asking = thread::spawn(move || {
        let each = waiting.into_iter().map(|turns| ask_in_turn(question, turns));
        on_this_thread(&runtime(), each)
    });
    let started = Instant::now();
    let count = (rate * time.as_secs_f64()) as u64;
    for number in 0..count {
        let due = started + Duration::from_secs_f64(number as f64 / rate);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        turns[number as usize % connections].send((number, due)).expect("a connection");
    }
    drop(turns);
    let latencies = asking.join().expect("the thread that asks");
    Responses { rate: count as f64 / started.elapsed().as_secs_f64(), latencies }
}

async fn ask_in_turn(
    question: &'static Question,
    mut turns: UnboundedReceiver<(u64, Instant)>,
) -> Histogram<u64> {
    let mut connection = Connection::open(question.server).await;
    let mut latencies = histogram();
    while let Some((number, due)) = turns.recv().await {
        connection.ask(question, number).await;
        record(&mut latencies, due);
    }
    latencies
}

/// Asks once, and says how many bytes the response's body had.
pub fn once(question: &'static Question) -> usize {
    on_one_connection(question, 1)
}

/// Asks so many questions, one after the other.
pub fn some(question: &'static Question, count: u64) {
    on_one_connection(question, count);
}

fn on_one_connection(question: &'static Question, count: u64) -> usize {
    runtime().block_on(async {
        let mut connection = Connection::open(question.server).await;
        let mut length = 0;
        for number in 0..count {
            length = connection.ask(question, number).await;
        }
        length
    })
}

/// A connection that stays open.
pub struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    /// Connects.
    ///
    /// # Panics
    /// The connection fails.
    pub async fn open(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).await.expect("a server");
        stream.set_nodelay(true).expect("a connection without delay");
        let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("an HTTP connection");
        tokio::spawn(connection);
        Self(sender)
    }

    /// Asks, reads the whole response, which must have the expected status, and says how long it was.
    ///
    /// # Panics
    /// It has another status, or breaks off.
    pub async fn ask(&mut self, question: &Question, number: u64) -> usize {
        let request = (question.request)(number);
        let mut response = self.0.send_request(request).await.expect("a response");
        let status = response.status();
        let mut length = 0;
        while let Some(frame) = response.body_mut().frame().await {
            let frame = frame.expect("the rest of the response");
            length += frame.data_ref().map_or(0, Bytes::len);
            if status != question.status {
                panic!("{status}: {:?}", frame.data_ref());
            }
        }
        assert_eq!(status, question.status, "a response without a body");
        length
    }
}

fn runtime() -> Runtime {
    runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn on_this_thread(
    runtime: &Runtime,
    tasks: impl Iterator<Item = impl Future<Output = Histogram<u64>> + Send + 'static>,
) -> Histogram<u64> {
    runtime.block_on(async { sum(tasks.collect::<JoinSet<_>>().join_all().await.into_iter()) })
}

fn sum(mut histograms: impl Iterator<Item = Histogram<u64>>) -> Histogram<u64> {
    let first = histograms.next().unwrap_or_else(histogram);
    histograms.fold(first, |sum, one| sum + one)
}

fn histogram() -> Histogram<u64> {
    Histogram::new(3).expect("three digits")
}

fn record(latencies: &mut Histogram<u64>, since: Instant) {
    latencies.record(since.elapsed().as_micros() as u64).expect("a latency");
}

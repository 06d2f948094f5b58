//! What is measured of each service in a window.

use std::{
    fs::{self, File},
    time::Duration,
};

use contract_tests::{
    engine::session::Session,
    harness::{metrics::Metrics, process::Process, store::Store},
};
use hdrhistogram::Histogram;
use rusqlite::Connection;

use super::curves::{Allowance, Curves};

const MEMORY: Allowance = Allowance { figure: "MiB of memory", factor: 1.1, plus: 4.0 };
const DESCRIPTORS: Allowance = Allowance { figure: "open descriptors", factor: 1.1, plus: 6.0 };
const THREADS: Allowance = Allowance { figure: "threads", factor: 1.0, plus: 4.0 };
const LOG: Allowance = Allowance { figure: "bytes of log a request", factor: 1.1, plus: 20.0 };
const WAL: Allowance = Allowance { figure: "MiB of write-ahead log", factor: 1.1, plus: 1.0 };
const DATABASE: Allowance = Allowance { figure: "bytes of database a row", factor: 1.1, plus: 0.0 };
const KEPT: Allowance = Allowance { figure: "stored responses and intents", factor: 1.25, plus: 30.0 };
const SERIES: Allowance = Allowance { figure: "series of metrics", factor: 1.0, plus: 40.0 };
const CPU: Allowance = Allowance { figure: "µs of processor a request", factor: 1.5, plus: 100.0 };
// Other work on the machine delays requests more than most mistakes do. The cost of a request shows these.
const MEDIAN: Allowance = Allowance { figure: "ms, median", factor: 3.0, plus: 100.0 };
const P99: Allowance = Allowance { figure: "ms, p99", factor: 3.0, plus: 300.0 };

const MIB: f64 = 1024.0 * 1024.0;

/// Measures what each service has used in a window.
pub(crate) struct Sampler(Vec<Used>);

/// What a service has used so far.
struct Used {
    requests: f64,
    cpu: Duration,
}

impl Used {
    fn by(process: &Process, metrics: &Metrics) -> Self {
        let requests = metrics.sum("http_server_request_duration_seconds_count", &[]);
        Self { requests, cpu: process.cpu_time() }
    }
}

impl Sampler {
    pub(crate) fn start(store: &Store, session: &Session) -> Self {
        let used = |process| {
            take_log(store, process);
            Used::by(process, &Metrics::of(session, process.service()).unwrap())
        };
        Self(store.services.iter().map(used).collect())
    }

    /// Notes what the services have used since the last time, and what there is in their files.
    pub(crate) fn used(&mut self, store: &Store, session: &Session, curves: &mut Curves) {
        for (process, before) in store.services.iter().zip(&mut self.0) {
            let metrics = Metrics::of(session, process.service()).unwrap();
            let now = Used::by(process, &metrics);
            let requests = now.requests - before.requests;
            let mut note = |allowance, value| curves.note(process.service(), allowance, value);
            note(&CPU, (now.cpu - before.cpu).as_secs_f64() * 1e6 / requests);
            note(&LOG, take_log(store, process) as f64 / requests);
            note(&SERIES, metrics.names().count() as f64);
            *before = now;

            let database = store.database(process.service());
            let log = fs::metadata(database.with_extension("db-wal")).map_or(0, |log| log.len());
            note(&WAL, log as f64 / MIB);
            let rows = Rows::of(&Connection::open(&database).unwrap());
            note(&DATABASE, rows.bytes as f64 / rows.lasting as f64);
            note(&KEPT, rows.passing as f64);
        }
    }
}

/// Notes what the services hold, while they are under load.
pub(crate) fn held(store: &Store, curves: &mut Curves) {
    for process in &store.services {
        let mut note = |allowance, value| curves.note(process.service(), allowance, value);
        note(&MEMORY, process.resident() as f64 / MIB);
        note(&DESCRIPTORS, process.open_files() as f64);
        note(&THREADS, fs::read_dir(format!("/proc/{}/task", process.id())).unwrap().count() as f64);
    }
}

/// Notes how long requests took.
pub(crate) fn latencies(name: &str, microseconds: &Histogram<u64>, curves: &mut Curves) {
    for (allowance, quantile) in [(&MEDIAN, 0.5), (&P99, 0.99)] {
        curves.note(name, allowance, microseconds.value_at_quantile(quantile) as f64 / 1e3);
    }
}

/// Empties the log of a service, as the rotation of an operator does, and says how long it was.
fn take_log(store: &Store, process: &Process) -> usize {
    let length = process.log().len();
    let file = store.database(process.service()).with_extension("log");
    File::options().write(true).open(file).unwrap().set_len(0).unwrap();
    length
}

/// What there is in a database.
struct Rows {
    /// Rows that are there for good.
    lasting: i64,
    /// Rows that are deleted after a while: stored responses, and intents of orders.
    passing: i64,
    /// The size of the database when its log is in it.
    bytes: i64,
}

impl Rows {
    fn of(connection: &Connection) -> Self {
        let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        let mut rows =
            Self { lasting: 0, passing: 0, bytes: number("PRAGMA page_size") * number("PRAGMA page_count") };
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let mut tables = connection.prepare(tables).unwrap();
        let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
        for table in tables.map(Result::unwrap) {
            let count = number(&format!("SELECT count(*) FROM {table}"));
            match table.as_str() {
                "stored_response" | "intent" => rows.passing += count,
                _ => rows.lasting += count,
            }
        }
        rows
    }
}

//! Measures the store, as ratios to the most that the machine can do: `cargo bench -p contract-tests`.
//!
//! Three services run as separate processes, with data on disk and default settings. Next to them run two baselines: a bare
//! hyper server that sends the same product for every request, and a minimal service that writes. All of them get the same
//! load in turns, so that noise on the machine affects them equally. `-- --quick` takes less time, and one more word measures
//! only what has this word in its name: `-- growth` measures how cost grows ([`growth`]), and `-- stalls` what slow requests wait
//! for ([`stalls`]). `STORE_BENCH_PEER=axum-sqlx,fastify` adds other implementations of the store ([`peers`]).
//!
//! # How programs are built
//!
//! We chose the profile by the CPU time of one request in microseconds, with `wrk` as the caller and the other core free, and by
//! the memory of an idle service. All figures here were measured on two cores.
//!
//! | build | `GET /products/{id}` | `POST /products` | `POST /orders` | idle |
//! |---|---|---|---|---|
//! | 16 codegen units, no LTO, system's allocator | 12.3 | 22.9 | 87 | 16 MiB |
//! | the same with mimalloc 2 | 12.5 | 22.8 | 81 | 37 MiB |
//! | one codegen unit, thin LTO, system's allocator | 10.7 | 23.3 | 71 | 14 MiB |
//!
//! Fat LTO is no faster: in pairs with the last row, it takes 0.98 of the time for reads and 1.01 for writes. Panics unwind in
//! all of them, because a request that panics gets a 500 and the others go on.
//!
//! The first debug build of `store`, from an empty folder on two cores, took 296 s while all libraries were optimised at level 1,
//! and takes 142 s with only those that the services spend their time in. With line tables instead of full debug information, it
//! takes 139 s, and a debugger shows no variables.
//!
//! # Own code or a library
//!
//! We use a library unless our code keeps a promise that the library cannot keep, or improves a headline figure by at least 5 %.
//! The two right columns are the CPU time with the library divided by the CPU time with our code, for `GET /products/{id}` and
//! `POST /orders`: one program switched between the two, in alternating runs of one second, and the lowest of seven runs counts
//! (of five for orders). Other work on the machine spreads the ratios of single pairs by a tenth and more. All changes together take
//! 1.01 of the time of a read, 0.95 of a created product and 0.99 of an order (medians of 11, 11 and 24 pairs).
//!
//! | own code | library | decision, and why | read | order |
//! |---|---|---|---|---|
//! | format of log lines | formats of `tracing-subscriber` | library; we add the service, the ids and the escapes that it leaves out of some fields | | |
//! | access line formatted by hand | an event of `tracing`, written by `tracing-appender` | own: the library takes more than 5 % | 1.17 | 1.10 |
//! | digits and time of the access line by hand | the standard library and `tracing-subscriber` | library | 1.02 | 1.00 |
//! | lines written in batches, every 10 ms | `tracing-appender` | own: the library takes more than 5 %. While nothing read the log, the stop took 4.8 s instead of 1.3 s, and once the process panicked, because standard output was closed as well | 1.15 | 1.09 |
//! | `traceparent` and `tracestate` | `TraceContextPropagator` of OpenTelemetry's SDK | own: of the 16 malformed values in our tests, the library accepts 6 (fields of another length or with a sign, a trailing dash). It also accepts the first of several `traceparent`, drops all but the first `tracestate`, and propagates one of any length | | |
//! | digits of `traceparent` by hand | `format!` | library: 3 % of the instructions of an order | | |
//! | a loop over the segments of a path | `matchit` | library; we keep the rules for escapes and for the trailing slash | 0.99 | 0.91 |
//! | path parameters by their index | by their names | by index: the macros of poem-openapi name them `param0`, `param1`; a service does not start if an operation takes them in another order | | |
//! | an error of reqwest made from a body that fails | `hyper-util`'s own error | own: the generated clients return errors of reqwest, which only reqwest can create | | |
//! | durations in milliseconds | `humantime` | library; the old spelling is still read | | |
//! | `prometheus`, with a registry of ours | `metrics` and `metrics-exporter-prometheus` | `prometheus` and its macros: the others save some 20 lines, add 12 crates, and keep every observation in memory until the next scrape, so that they need a cleanup thread | 1.02 | 1.08 |
//! | the client's pool of connections, on hyper | the legacy client of `hyper-util` | library: the median of 15 pairs is at the 5 % threshold, and their spread is larger | | 1.05 |
//! | small writes joined into one buffer | hyper's vectored writes | library | 1.03 | 1.00 |
//!
//! # What made it faster
//!
//! At first, a read took 45,800 instructions, as callgrind counts them. Three things that took most of them are gone: an access
//! line that went through `tracing` and was written immediately (10,300), poem's router with its boxed futures, which move the
//! whole request (15,000), and columns that were looked up by name (1,300). A snapshot of the database for each read took
//! two system calls, a quarter of the kernel's work beyond bare hyper. `fdatasync` instead of `fsync`, and a write-ahead log
//! that need not grow, doubled the rate of writes.
//!
//! An order took 188,000 instructions in the orders service alone. reqwest parsed one address three times (71,000, together with
//! a task for each connection), so calls now go through `hyper-util`. The future that waits for a response was moved together with
//! everything around it (20,000), and is now boxed. The statements around a write were looked up in a cache for each write (3,000).
//!
//! A service has one worker thread for every two cores. With one for each core, the three services and their writers had more
//! threads than cores: a read took a tenth more CPU time, an order a sixth more, and the slowest percent of reads took twice as
//! long. A writer with many callers spins for 20 µs instead of 150 before it sleeps, which leaves the core to the callers.
//!
//! A writer with many callers yields its core once before it begins a group, so that requests that are about to write join it.
//! On cores that other programs use as well, groups grow from 11 to 18 writes, otherwise from 9 to 10. Of an order that
//! reserves stock, products wrote a page for each reservation, since the table was in the order of products; with the keys
//! first, which grow with time, it writes one for a group. Together, such an order takes 147 µs instead of 186, and one that
//! checks the stock 85 instead of 95 (medians of 7 runs in turns).
//!
//! The whole list is sent in chunks of 400 rows. Chunks of 1,200 rows take a seventh less time, because threads wake less often,
//! but stalled callers would hold too much memory. Borrowing names from SQLite instead of copying them would save a fourteenth,
//! which is not worth a second product type.
//!
//! Each commit checks that the database files are still there. A full `stat` made Linux 6.18 record the exact time of the next
//! write to the log, so each sync took 26 µs longer, and a single caller got four responses in the time of five. So the check asks
//! only for device and inode. A deadline that becomes the earliest timer wakes the thread that waits for
//! timers, so there is always an earlier timer, of 250 ms.
//!
//! # Where the time goes now
//!
//! A read takes 11 µs; bare hyper takes 7.5. Of the 28,000 instructions of a read, hyper takes a third, SQLite and its wrapper a
//! sixth, and the access line a twelfth. A commit takes 110 µs and includes 8 to 13 writes of 32 callers; the writer is idle for a
//! third of the time. Waiting for more writes, for a fixed time or for as many as recently, made groups larger and callers slower,
//! and saved nothing. The minimal service leaves a quarter of the cores idle, too; with `synchronous=OFF`, which loses writes, it
//! is a quarter faster: all services wait for the disk. Savepoints around each write take a fiftieth. Of the 50 µs that an order
//! takes, the minimal service takes two thirds, most of it in the kernel: four messages over loopback and a commit. A row of the
//! list takes 3,200 instructions, two thirds of them in SQLite and its wrapper.

#![allow(clippy::disallowed_macros, reason = "what a benchmark finds is printed")]
#![allow(clippy::expect_used, reason = "a benchmark that cannot go on says why by panicking")]

mod curves;
mod growth;
mod stalls;
mod big;
mod limit;
mod peers;
mod picture;
mod postgres;
mod report;
mod throughput;
mod usage;

use std::{
    env,
    process::ExitCode,
    time::{Duration, Instant},
};

use contract_tests::{engine::deployment::SERVICES, harness::store::Store};

/// The service that is none.
const LIMIT: &str = "limit";

fn main() -> ExitCode {
    match env::args().nth(1) {
        Some(name) if name == LIMIT => limit::serve(LIMIT),
        Some(name) if SERVICES.contains(&name.as_str()) => store::main(env::args_os()),
        _ => measure(),
    }
}

/// How long and how often to measure.
struct Plan {
    run: Duration,
    rounds: usize,
    /// Measures only what has this in its name.
    only: String,
    /// How many rows are many.
    many: u64,
    /// The numbers of rows among which cost may grow.
    rows: &'static [u64],
}

impl Plan {
    fn from_arguments() -> Self {
        let only = env::args().skip(1).find(|argument| !argument.starts_with("--")).unwrap_or_default();
        match env::args().any(|argument| argument == "--quick") {
            true => Self {
                run: Duration::from_millis(500),
                rounds: 3,
                only,
                many: 100_000,
                rows: &growth::ROWS[..4],
            },
            false => Self {
                run: Duration::from_millis(1500),
                rounds: 7,
                only,
                many: 1_000_000,
                rows: &growth::ROWS,
            },
        }
    }

    fn wants(&self, name: &str) -> bool {
        name.contains(&self.only)
    }
}

fn measure() -> ExitCode {
    let started = Instant::now();
    let plan = Plan::from_arguments();
    let program = env::current_exe().expect("the path of this program");
    let program = program.to_str().expect("a path that is text");

    let mut report = report::Report::default();
    throughput::measure(&plan, program, &mut report);
    big::measure(&plan, program, &mut report);
    postgres::measure(&plan, program, &mut report);
    stalls::measure(&plan, program);
    let growth = growth::measure(&plan, program);
    report.print();
    if let Some(growth) = &growth {
        growth.print();
        println!("\n{}", curves::draw(growth).expect("a picture").display());
    }
    if !report.lines.is_empty() {
        let picture = picture::draw(&report).expect("a picture");
        println!("\n{}", picture.display());
    }
    println!("measured in {:.0} s", started.elapsed().as_secs_f64());
    ExitCode::SUCCESS
}

/// A store with default settings, but on free ports and with a folder of its own.
fn start_store(program: &str) -> Store {
    Store::start(program, &[("BODY_TIMEOUT", "5s")])
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

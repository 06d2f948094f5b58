//! How fast the store is, as ratios to what the machine can do at all: `cargo bench -p contract-tests`.
//!
//! Three services run as processes of their own, with data on disk and default settings, beside a bare hyper server that
//! answers every request with the same product, and the barest form of a service that writes. All get the same load in
//! turns, so that whatever else the machine does hits all of them. `-- --quick` takes less time, and a word more measures
//! only what has it in its name. `STORE_BENCH_PEER=http://127.0.0.1:6001` adds another implementation of the store: its
//! products is there, its orders and payments are at the next two ports, and its tokens are those of development.
//!
//! How programs are built was chosen by what one request takes of the processor, in microseconds, with `wrk` as the caller
//! and the other core free, and by what a service holds at rest. All that follows was measured on two cores.
//!
//! | build | `GET /products/{id}` | `POST /products` | `POST /orders` | at rest |
//! |---|---|---|---|---|
//! | 16 codegen units, no LTO, system's allocator | 12.3 | 22.9 | 87 | 16 MiB |
//! | the same with mimalloc 2 | 12.5 | 22.8 | 81 | 37 MiB |
//! | one codegen unit, thin LTO, system's allocator | 10.7 | 23.3 | 71 | 14 MiB |
//!
//! Fat LTO is no faster: in pairs with the last, 0.98 of the reads and 1.01 of the writes.
//! Panics unwind in all of them, since one request that panics is answered 500 and the others go on.
//!
//! What took time and went, by the instructions that callgrind counted for a read, which had 45,800 at first: a line of
//! log that went through `tracing` and was written at once (10,300), poem's router and its boxed futures, which move the
//! whole request (15,000), columns that were found by their names (1,300). A snapshot of the database for each read took
//! two system calls, which were a quarter of what the kernel did beyond bare hyper. `fdatasync` in place of `fsync`, and a
//! write-ahead log that need not grow, doubled the rate of writes.
//!
//! An order, which was 188,000 instructions in orders alone, is 98,000. reqwest parsed one address three times and left the
//! connection to a task of its own (71,000 in all): the client reads on connections that whoever asks drives. What waits for
//! an answer was copied with everything around it (20,000): it is in a box. `traceparent` was written by the formatter
//! (3,000), and the statements around a write were looked up in a cache for each (3,000).
//!
//! A service has one worker for every two cores. With one for each core, the three services and their writers had more
//! threads than cores: a read took a tenth more of the processor, an order a sixth, and the slowest of a hundred reads took
//! twice as long. A writer with many callers looks out for the next write for 20 µs instead of 150, and leaves them the core.
//!
//! The whole list comes in pieces of 400 rows. In pieces of 1,200 it takes a seventh less time, since threads are woken less
//! often, but callers who stall would hold too much. A name that is not copied on its way from SQLite would save a
//! fourteenth, which is not worth a second kind of product.
//!
//! Each commit looks whether the files are still there. To ask for all that `stat` knows made Linux 6.18 note the exact time of
//! the next write to the log, and each sync took 26 µs more: a caller alone got four answers where it had got five. Only device
//! and inode are asked for. A deadline that is the first timer to be due wakes the thread that waits for timers, so a timer of
//! 250 ms is always due before.
//!
//! What is left: a read takes 11 µs where bare hyper takes 7.5, 28,000 instructions, of which hyper's are a third, SQLite's
//! and its wrapper's a sixth, the log line's a twelfth. A commit takes 110 µs, and 32 callers bring it 8 to 13 writes; the
//! writer is idle for a third of the time. Waiting for more, for a fixed time or for as many as lately, made groups larger,
//! callers slower, and saved nothing. The barest service leaves a quarter of the cores idle, too; with `synchronous=OFF`,
//! which loses writes, it does a quarter more: what all wait for is the disk. Savepoints around each write take a fiftieth.
//! Of the 50 µs that an order takes, the barest service takes two thirds, most of it in the kernel: four messages over
//! loopback and a commit. A row of the list takes 3,200 instructions, two thirds of which are SQLite's and its wrapper's.

#![allow(clippy::disallowed_macros, reason = "what a benchmark finds is printed")]
#![allow(clippy::expect_used, reason = "a benchmark that cannot go on says why by panicking")]

mod big;
mod limit;
mod picture;
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
}

impl Plan {
    fn from_arguments() -> Self {
        let only = env::args().skip(1).find(|argument| !argument.starts_with("--")).unwrap_or_default();
        match env::args().any(|argument| argument == "--quick") {
            true => Self { run: Duration::from_millis(500), rounds: 3, only, many: 100_000 },
            false => Self { run: Duration::from_millis(1500), rounds: 7, only, many: 1_000_000 },
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
    report.print();
    if !report.lines.is_empty() {
        let picture = picture::draw(&report).expect("a picture");
        println!("\n{}", picture.display());
    }
    println!("measured in {:.0} s", started.elapsed().as_secs_f64());
    ExitCode::SUCCESS
}

/// A store with default settings, but on free ports and with a folder of its own.
fn start_store(program: &str) -> Store {
    Store::start(program, &[("BODY_TIMEOUT_MS", "5000")])
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

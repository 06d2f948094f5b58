//! What the slowest requests at a fixed rate wait for: the store, the disk, or the processors.
//!
//! Requests at half of the highest rate once had a p99 of 20 to 190 ms in some runs and of 1 ms in others. They had waited for a
//! processor. The first table is from a machine whose two cores also compiled, so that something waited for a processor 90 % of
//! the time; the second one is from the same minutes, with the store and its callers at real-time priority (`chrt -r 10`), and has
//! nearly three times the rate. Milliseconds, of two runs of half a minute:
//!
//! | beside compilers | p50 | p99 | p99.9 | | at real-time priority | p50 | p99 | p99.9 | maximum |
//! |---|---|---|---|---|---|---|---|---|---|
//! | `POST /products`, on the disk | 3.1 | 277 | 291 | | | 0.72 | 6.2 | 17 | 19 |
//! | `POST /products`, in memory | 0.26 | 93 | 100 | | | 0.22 | 0.58 | 2.1 | 3.8 |
//! | `GET /products/{id}` | 0.17 | 68 | 82 | | | 0.14 | 0.43 | 1.5 | 2.3 |
//! | a bare write and its sync | 0.55 | 10 | 26 | | | 0.15 | 2.8 | 18 | 355 |
//!
//! A read, and a write to a file system in memory, wait for no disk and stall as long. What is left at real-time priority is the
//! disk: nothing in memory took longer than 4 ms, and the bare write beside it has the same p99.9. Of 37,000 syncs of the log
//! that `strace --seccomp-bpf` saw, 5 took more than 5 ms, the longest 26 ms. A checkpoint keeps the next commit waiting for 1.0
//! to 1.9 ms (41 of 42; 8 ms once), so it need not be done in steps or elsewhere. `strace` without that option, which stops each
//! of its thousand writes, makes it seem ten times as long.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use contract_tests::{
    harness::{folders::new_folder, waiting::SetOnDrop},
    load::{
        drive::{closed_loop, open_loop},
        work::{CREATE_PRODUCT, GET_PRODUCT, ROWS, Work},
    },
};
use hdrhistogram::Histogram;
use tempfile::TempDir;

use crate::{Plan, big::Shop};

/// How many callers there are.
const CALLERS: usize = 32;

/// The share of what can be done at most that is asked for.
const STEADY: f64 = 0.5;

/// What a small commit writes: two pages of the log, each with its header.
const COMMIT: [u8; 2 * (24 + 4096)] = [7; 2 * (24 + 4096)];

/// How many of them the file of a bare disk has room for, about as many as a log.
const ROOM: u64 = 500;

/// How long a thread sleeps that does nothing else.
const SLEEP: Duration = Duration::from_millis(1);

/// Measures requests at a fixed rate, with the database on a disk and in memory, and what the machine does by itself.
pub(crate) fn measure(plan: &Plan, program: &str) {
    if !plan.wants("stalls") {
        return;
    }
    let memory = TempDir::new_in("/dev/shm").expect("a file system in memory");
    let on_disk = Shop::open_in(new_folder(), program, ROWS, &[]);
    let in_memory = Shop::open_in(memory, program, ROWS, &[]);
    let disk = new_folder();
    let file = File::create(disk.path().join("log")).expect("a file");
    let question = CREATE_PRODUCT.question_at(&on_disk.address());
    let rate = closed_loop(question, CALLERS, plan.run).rate * STEADY;

    let at_rate = |work: &Work, shop: &Shop| {
        let question = work.question_at(&shop.address());
        open_loop(question, CALLERS, plan.run, rate).latencies
    };
    let runs: [(&str, &dyn Fn() -> Histogram<u64>); 4] = [
        ("POST /products, on the disk", &|| at_rate(&CREATE_PRODUCT, &on_disk)),
        ("POST /products, in memory", &|| at_rate(&CREATE_PRODUCT, &in_memory)),
        ("GET /products/{id}", &|| at_rate(&GET_PRODUCT, &on_disk)),
        ("a bare write and its sync", &|| writes(&file, plan.run)),
    ];
    let mut sums = runs.map(|_| (histogram(), histogram()));
    let busy = pressure();
    let started = Instant::now();
    for _ in 0..plan.rounds * 4 {
        for ((_, run), (latencies, late)) in runs.iter().zip(&mut sums) {
            let (ran, woken) = beside_a_sleeper(run);
            *latencies += ran;
            *late += woken;
        }
    }
    let busy = (pressure() - busy).as_secs_f64() / started.elapsed().as_secs_f64();
    println!(
        "\nstalls at {rate:.0} requests a second; something waited for a processor {:.0} % of the time",
        busy * 100.0
    );
    println!("{:<30} p50, p99, p99.9, maximum in ms; the same of how late a thread woke up meanwhile", "");
    for ((name, _), (latencies, late)) in runs.iter().zip(&sums) {
        println!("{name:<30} {}   {}", quantiles(latencies), quantiles(late));
    }
}

/// Runs something, and measures how late a thread wakes up meanwhile that only sleeps.
fn beside_a_sleeper(run: &dyn Fn() -> Histogram<u64>) -> (Histogram<u64>, Histogram<u64>) {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let sleeper = scope.spawn(|| {
            let mut late = histogram();
            while !is_over.load(Ordering::Relaxed) {
                let slept = Instant::now();
                thread::sleep(SLEEP);
                record(&mut late, slept.elapsed().saturating_sub(SLEEP));
            }
            late
        });
        let over = SetOnDrop(&is_over);
        let latencies = run();
        drop(over);
        (latencies, sleeper.join().expect("a thread that sleeps"))
    })
}

/// Writes what a commit writes, and waits until it is on the disk, again and again.
fn writes(file: &File, time: Duration) -> Histogram<u64> {
    let mut latencies = histogram();
    let started = Instant::now();
    for number in 0.. {
        if started.elapsed() >= time {
            break;
        }
        let began = Instant::now();
        file.write_all_at(&COMMIT, number % ROOM * COMMIT.len() as u64).expect("a write");
        file.sync_data().expect("a sync");
        record(&mut latencies, began.elapsed());
        thread::sleep(SLEEP);
    }
    latencies
}

/// For how long something has waited for a processor so far (<https://docs.kernel.org/accounting/psi.html>).
fn pressure() -> Duration {
    let text = fs::read_to_string("/proc/pressure/cpu").unwrap_or_default();
    let some = text.lines().next().and_then(|line| line.rsplit("total=").next()?.parse().ok());
    Duration::from_micros(some.unwrap_or_default())
}

fn histogram() -> Histogram<u64> {
    Histogram::new(3).expect("three digits")
}

fn record(latencies: &mut Histogram<u64>, latency: Duration) {
    latencies.record(latency.as_micros() as u64).expect("a latency");
}

fn quantiles(microseconds: &Histogram<u64>) -> String {
    let all = [0.5, 0.99, 0.999, 1.0].map(|quantile| microseconds.value_at_quantile(quantile) as f64 / 1e3);
    all.map(|quantile| format!("{quantile:>7.2}")).join(" ")
}

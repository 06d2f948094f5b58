//! How often a service allocates memory for one request: `cargo bench -p contract-tests --bench allocations`.
//!
//! The services in this program count their allocations, which takes time, so nothing is timed here. Each service is started
//! twice and serves a different number of requests: the difference in allocations is due to the requests alone.

#![allow(clippy::disallowed_macros, reason = "what a benchmark finds is printed")]
#![allow(clippy::expect_used, reason = "a benchmark that cannot go on says why by panicking")]

use std::{alloc::System, env, fs, process::ExitCode};

use contract_tests::{
    engine::deployment::SERVICES,
    harness::{folders::new_folder, store::Store},
    load::{
        drive,
        work::{self, WORKS, Work},
    },
};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Names the folder that a service leaves the number of its allocations in, when it stops.
const COUNTS: &str = "STORE_BENCH_COUNTS";

const FEW: u64 = 1_000;
const MANY: u64 = 5_000;

fn main() -> ExitCode {
    match env::args().nth(1) {
        Some(service) if SERVICES.contains(&service.as_str()) => {
            let status = store::main(env::args_os());
            let counts = env::var_os(COUNTS).expect("a folder");
            let count = ALLOCATOR.stats().allocations.to_string();
            fs::write(std::path::Path::new(&counts).join(service), count).expect("a count");
            status
        }
        _ => {
            println!("allocations a request, of the service that is asked");
            for work in WORKS {
                let [few, many] = [FEW, MANY].map(|requests| allocations(&work, requests));
                println!("{:<20} {:>6.1}", work.name, (many - few) as f64 / (MANY - FEW) as f64);
            }
            ExitCode::SUCCESS
        }
    }
}

/// The allocations of the service that is asked, from its start to its end.
fn allocations(work: &Work, requests: u64) -> i64 {
    let program = env::current_exe().expect("the path of this program");
    let counts = new_folder();
    let folder = counts.path().to_str().expect("a path that is text");
    let mut store = Store::start(program.to_str().expect("a path that is text"), &[(COUNTS, folder)]);
    work::prepare(&store.deployment());
    drive::some(work.question(&store.deployment()), requests);
    store.service(work.service).stop();
    fs::read_to_string(counts.path().join(work.service)).expect("a count").parse().expect("a number")
}

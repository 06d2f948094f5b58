//! How cost grows: the same work on more connections, and among more rows.
//!
//! # Where the knees are
//!
//! **Connections.** A service reads on one worker thread for every two cores, and 8 to 32 callers keep it busy: more of them wait
//! for each other, so the median grows with their number (0.1 ms for 8, 0.4 ms for 32, 4 ms for 512) and the rate does not. Writes
//! go on growing to 128, since all writes that wait share one commit. Beyond 512 both fall, and not because of the store: with
//! `wrk` as the caller and in turns, bare hyper had 55,000, 32,000 and 21,000 responses a second on 32, 512 and 2,000 connections,
//! and the store 35,000, 25,000 and 23,000 (means of three). With the default of `MAX_REQUESTS`, more than 512 requests at once are
//! refused instead.
//!
//! **Rows.** Reads are a sixth slower from about 60,000 products on, since then they do not fit into SQLite's page cache of 2 MiB:
//! `strace` counts no `pread64` for a read among 1,000, and one (1.01) among 100,000 as among 1,000,000. Among ten million they
//! are a quarter slower. Not tried: a larger cache, or `mmap_size`. Creating needs only the last leaf, and shows no trend.

use contract_tests::{
    engine::deployment::Address,
    harness::folders::new_folder,
    load::{
        drive::{Question, closed_loop},
        work::{self, CREATE_PRODUCT},
    },
};
use hdrhistogram::Histogram;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{Plan, big::Shop, median};

/// Numbers of connections. The ratios are to the rate on the usual number, which is the third.
const CONNECTIONS: [u64; 6] = [1, 8, USUAL, 128, 512, 2000];
const USUAL: u64 = 32;

/// Numbers of rows. The ratios are to the rate among the fewest.
pub(crate) const ROWS: [u64; 5] = [FEWEST, 10_000, 100_000, 1_000_000, 10_000_000];
const FEWEST: u64 = 1_000;

/// So that nothing is refused, which also counts as a response.
const SETTINGS: (&str, &str) = ("MAX_REQUESTS", "4096");

/// The rates of some work at several sizes.
pub(crate) struct Curve {
    pub(crate) name: &'static str,
    pub(crate) points: Vec<Point>,
}

/// A rate at one size, which is a number of connections or of rows.
pub(crate) struct Point {
    pub(crate) size: u64,
    pub(crate) rate: f64,
    /// To the rate in the same round at the size that is compared with.
    pub(crate) ratio: f64,
    /// In microseconds.
    latencies: Histogram<u64>,
}

/// Curves by connections, and by rows.
pub(crate) struct Growth {
    pub(crate) by_connections: Vec<Curve>,
    pub(crate) by_rows: Vec<Curve>,
}

/// Measures the products service, if that is wanted.
pub(crate) fn measure(plan: &Plan, program: &str) -> Option<Growth> {
    if !plan.wants("growth") {
        return None;
    }
    raise_limit();
    let shop = Shop::open_in(new_folder(), program, FEWEST, &[SETTINGS]);
    let by_connections = KINDS.map(|kind| {
        let question = kind.question(&shop.address(), FEWEST);
        let sizes = CONNECTIONS.map(|connections| (connections, question, connections as usize));
        Curve::measure(plan, kind.name, USUAL, &sizes)
    });
    drop(shop);
    let shops: Vec<_> = plan
        .rows
        .iter()
        .map(|rows| (*rows, Shop::open_in(new_folder(), program, *rows, &[SETTINGS])))
        .collect();
    let by_rows = KINDS.map(|kind| {
        let size =
            |(rows, shop): &(u64, Shop)| (*rows, kind.question(&shop.address(), *rows), USUAL as usize);
        Curve::measure(plan, kind.name, FEWEST, &shops.iter().map(size).collect::<Vec<_>>())
    });
    Some(Growth { by_connections: by_connections.into(), by_rows: by_rows.into() })
}

/// A kind of request, about any of the rows.
struct Kind {
    name: &'static str,
    /// None if it creates a row.
    path: Option<fn(u64) -> String>,
}

/// The one that adds rows is the last.
const KINDS: [Kind; 3] = [
    Kind { name: "GET /products/{id}", path: Some(|id| format!("/products/{id}")) },
    Kind { name: "GET /products, a page of 100", path: Some(|id| format!("/products?limit=100&after={id}")) },
    Kind { name: "POST /products", path: None },
];

impl Kind {
    fn question(&self, address: &Address, rows: u64) -> &'static Question {
        let Some(path) = self.path else { return CREATE_PRODUCT.question_at(address) };
        let question = work::get(address, "/products");
        let request = move |number: u64| {
            let mut request = (question.request)(number);
            // A prime apart, so that each is on another page of the database than the last one.
            let id = number.wrapping_mul(7919) % rows + 1;
            *request.uri_mut() = path(id).parse().expect("a path");
            request
        };
        Box::leak(Box::new(Question { request: Box::new(request), ..*question }))
    }
}

impl Curve {
    /// Measures all sizes in turns: what they are, what is asked, and on how many connections.
    fn measure(
        plan: &Plan,
        name: &'static str,
        compared: u64,
        sizes: &[(u64, &'static Question, usize)],
    ) -> Self {
        let mut rates = vec![vec![]; sizes.len()];
        let mut latencies: Vec<_> =
            sizes.iter().map(|_| Histogram::<u64>::new(3).expect("three digits")).collect();
        for _ in 0..plan.rounds {
            for (index, (_, question, connections)) in sizes.iter().enumerate() {
                let responses = closed_loop(question, *connections, plan.run);
                rates[index].push(responses.rate);
                latencies[index] += responses.latencies;
            }
        }
        let compared = sizes.iter().position(|(size, ..)| *size == compared).expect("a size");
        let compared = rates[compared].clone();
        let ratio = |rates: &[f64]| median(rates.iter().zip(&compared).map(|(rate, to)| rate / to).collect());
        let points = sizes.iter().zip(rates).zip(latencies).map(|(((size, ..), rates), latencies)| Point {
            size: *size,
            ratio: ratio(&rates),
            rate: median(rates),
            latencies,
        });
        Self { name, points: points.collect() }
    }
}

impl Growth {
    /// Prints everything, for people.
    pub(crate) fn print(&self) {
        for (what, curves) in [("connections", &self.by_connections), ("rows", &self.by_rows)] {
            for Curve { name, points } in curves {
                println!("\n{name:<30} {:>7} {:>7}   p50, p99 in ms", "ratio", "a sec.");
                for Point { size, ratio, rate, latencies } in points {
                    let quantile = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
                    let (p50, p99) = (quantile(0.5), quantile(0.99));
                    println!("{size:>17} {what:<12} {ratio:>7.2} {rate:>7.0}   {p50:.2} {p99:.2}");
                }
            }
        }
    }
}

/// Lets this process open as many connections as it needs.
fn raise_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("descriptors for connections");
}

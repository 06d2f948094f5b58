//! Throughput and latency with many callers, each workload in turns with the limit.

use std::{thread, time::Duration};

use contract_tests::{
    engine::{deployment::Address, exchange},
    harness::{folders::new_folder, metrics::Metrics, process::Process, store::Store},
    load::{
        drive::{Question, closed_loop, open_loop},
        work::{self, CREATE_ORDER, CREATE_PRODUCT, WORKS, Work},
    },
};
use hdrhistogram::Histogram;
use tempfile::TempDir;

use crate::{
    LIMIT, Plan, limit, median,
    peers::Peer,
    report::{Figure, Line, Report, Target},
    usage,
};

/// How many callers there are.
const CALLERS: usize = 32;

/// The share of what can be done at most that the open loop asks for.
const STEADY: f64 = 0.5;

/// Measures all work of the store.
pub(crate) fn measure(plan: &Plan, program: &str, report: &mut Report) {
    let limit = Barest::start(program, &[]);
    // Who writes is fastest with as many threads as the services have.
    let threads = thread::available_parallelism().map_or(1, usize::from).div_ceil(2).to_string();
    let writing = Barest::start(program, &[(limit::THREADS, &threads)]);
    let asking =
        Barest::start(program, &[(limit::THREADS, &threads), (limit::UPSTREAM, writing.process.url())]);
    let store = crate::start_store(program);
    work::prepare(&store.deployment());
    let bench = Bench {
        plan,
        limit: work::get(&limit.address(), "/products/1"),
        writing,
        asking,
        peers: Peer::all(),
        store,
    };
    report.peers = bench.peers.iter().map(|peer| peer.name.clone()).collect();
    bench.peers.iter().for_each(|peer| work::prepare(&peer.deployment));
    for work in WORKS.iter().filter(|work| plan.wants(work.name)) {
        report.lines.push(bench.many_callers(work));
    }
    if plan.wants(CREATE_PRODUCT.name) {
        report.figures.push(bench.one_caller());
    }
    if plan.wants(CREATE_ORDER.name) {
        report.figures.push(bench.reserve(program));
    }
    for process in &bench.store.services {
        report.memory.push((process.service(), usage::peak_memory(process.id())));
    }
}

/// A server of [`limit::serve`].
struct Barest {
    process: Process,
    /// Outlives the process.
    _folder: TempDir,
}

impl Barest {
    fn start(program: &str, settings: &[(&str, &str)]) -> Self {
        let folder = new_folder();
        let settings: Vec<_> =
            settings.iter().map(|(variable, value)| ((*variable).into(), (*value).into())).collect();
        Self { process: Process::start(program, LIMIT, folder.path(), &settings), _folder: folder }
    }

    fn address(&self) -> Address {
        Address { url: self.process.url().into(), token: "none".into() }
    }
}

struct Bench<'a> {
    plan: &'a Plan,
    limit: &'static Question,
    /// The barest service that writes.
    writing: Barest,
    /// The barest service that asks an upstream, and writes.
    asking: Barest,
    store: Store,
    peers: Vec<Peer>,
}

impl Bench<'_> {
    fn many_callers(&self, work: &Work) -> Line {
        let question = work.question(&self.store.deployment());
        let theirs: Vec<_> = self.peers.iter().map(|peer| work.question(&peer.deployment)).collect();
        let run = |question| closed_loop(question, CALLERS, self.plan.run);

        let barest = self.barest(work);
        let (mut limits, mut rates, mut ratios, mut costs, mut barests, mut shares) =
            (vec![], vec![], vec![], vec![], vec![], vec![]);
        let mut peers = vec![vec![]; theirs.len()];
        let commits = self.commits(work);
        let mut busy = Histogram::<u64>::new(3).expect("three digits");
        for _ in 0..self.plan.rounds {
            let limit = run(self.limit).rate;
            let before = self.cpu(work);
            let responses = run(question);
            costs.push((self.cpu(work) - before).as_secs_f64() * 1e6 / responses.latencies.len() as f64);
            limits.push(limit);
            rates.push(responses.rate);
            ratios.push(responses.rate / limit);
            busy += responses.latencies;
            let barest = barest.map(|barest| run(barest).rate);
            shares.push(responses.rate / barest.unwrap_or(limit));
            barests.extend(barest.map(|barest| barest / limit));
            for (ratios, question) in peers.iter_mut().zip(&theirs) {
                ratios.push(run(question).rate / limit);
            }
        }
        let group = self.commits(work).writes_each_since(&commits);
        let rate = median(rates);
        let steady = open_loop(question, CALLERS, self.plan.run * 2, rate * STEADY).latencies;
        Line {
            name: work.name,
            limit: median(limits),
            rate,
            ratio: median(ratios),
            barest: barest.map(|_| median(barests)),
            share: median(shares),
            goal: work.target,
            microseconds_of_cpu: median(costs),
            group,
            busy,
            steady,
            peers: peers.into_iter().map(median).collect(),
        }
    }

    /// The barest form of `work`. That of a read is the limit.
    fn barest(&self, work: &Work) -> Option<&'static Question> {
        let barest = if work.involved.len() > 1 { &self.asking } else { &self.writing };
        work.writes().then(|| work.question_at(&barest.address()))
    }

    /// The processor time of all services that work at `work`.
    fn cpu(&self, work: &Work) -> Duration {
        let involved =
            self.store.services.iter().filter(|process| work.involved.contains(&process.service()));
        involved.map(|process| usage::cpu(process.id())).sum()
    }

    /// How many writes there were so far, and in how many commits.
    fn commits(&self, work: &Work) -> Commits {
        let url = format!("{}/metrics", self.store.deployment().service(work.service).url);
        let response = exchange::http_client(exchange::RESPONSE_TIMEOUT).get(url).send();
        let text = response.and_then(|response| response.text()).expect("metrics");
        let metrics = Metrics::read(&text).expect("metrics");
        let sum = |name| metrics.sum(name, &[]);
        Commits { writes: sum("sqlite_commit_writes_sum"), commits: sum("sqlite_commit_writes_count") }
    }

    /// Orders that take their stock, beside those that only check it.
    fn reserve(&self, program: &str) -> Figure {
        let store = Store::start(program, &[("BODY_TIMEOUT", "5s"), ("ORDERS_STOCK", "reserve")]);
        work::prepare(&store.deployment());
        let [reserving, checking] =
            [&store, &self.store].map(|store| CREATE_ORDER.question(&store.deployment()));
        let rate = |question| closed_loop(question, CALLERS, self.plan.run).rate;
        let (mut ratios, mut rates) = (vec![], vec![]);
        for _ in 0..self.plan.rounds {
            let reserved = rate(reserving);
            ratios.push(reserved / rate(checking));
            rates.push(reserved);
        }
        Figure {
            name: "POST /orders, reserve to check",
            value: median(ratios),
            target: Target::AtLeast(0.5),
            unit: "",
            explanation: format!("{:.0} a second", median(rates)),
        }
    }

    /// A single caller, which waits for each write to be on the disk.
    fn one_caller(&self) -> Figure {
        let question = CREATE_PRODUCT.question(&self.store.deployment());
        let latency = |question| {
            let responses = closed_loop(question, 1, self.plan.run);
            responses.latencies.value_at_quantile(0.5) as f64
        };
        let folder = new_folder();
        let (mut ratios, mut parts) = (vec![], vec![]);
        for _ in 0..self.plan.rounds {
            let request = latency(self.limit);
            let commit = limit::commit(folder.path(), self.plan.run).as_secs_f64() * 1e6;
            let ours = latency(question);
            ratios.push((request + commit) / ours);
            parts.push((request, commit, ours));
        }
        let (request, commit, ours) = parts[parts.len() / 2];
        Figure {
            name: "POST /products, one caller",
            value: median(ratios),
            target: Target::AtLeast(0.8),
            unit: "",
            explanation: format!(
                "{ours:.0} µs; a bare request {request:.0} µs, a bare commit {commit:.0} µs"
            ),
        }
    }
}

struct Commits {
    writes: f64,
    commits: f64,
}

impl Commits {
    /// How many writes shared a commit, on average; none if nothing was written.
    fn writes_each_since(&self, before: &Self) -> Option<f64> {
        let commits = self.commits - before.commits;
        (commits > 0.0).then(|| (self.writes - before.writes) / commits)
    }
}

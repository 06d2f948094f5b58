//! The store on PostgreSQL, as a ratio to what `pgbench` reaches on the same server with the same statement and as many
//! connections, and to the peer `axum-sqlx`, if it is named.
//!
//! # Where the time goes
//!
//! A statement for each request left most of the work to the server: of the processor time of a created product, 167 µs of 249 were
//! its, for a transaction of a single row with its commit and two messages through a socket. So reads by id and inserts that wait
//! share a statement. With 32 callers, a created product takes the server 34 µs and the service 41 in place of 82, since one
//! response from the server wakes it for many requests. In pairs with `pgbench`, a created product went from 0.42 to 1.03, a read
//! from 0.38 to 0.75, and an order from 0.20 to 0.40 (both with 7 rounds). The README has all figures.
//!
//! By `pgbench`, with 16 rows in a statement or a pipeline, the server needs in microseconds for a row:
//!
//! | | alone | in a pipeline | in one statement |
//! |---|---|---|---|
//! | `SELECT` by id | 28 | 9 | 4 |
//! | `INSERT` and commit | 194 | 43 | 21 |
//!
//! A pipeline, in which each query keeps its own statement, would be less code, but costs the server twice as much, and that is
//! what all instances share. An array of one value takes it a tenth longer than the value itself, so a query alone has a statement
//! of its own.

use std::{fmt::Display, fs, process::Command, time::Duration};

use contract_tests::{
    harness::{
        folders::new_folder,
        postgres::{self, Server},
        store::Store,
    },
    load::{
        drive::{Question, closed_loop},
        work::{self, CREATE_ORDER, CREATE_PRODUCT, GET_PRODUCT, ROWS, Work},
    },
};
use tempfile::TempDir;

use crate::{
    Plan, median, peers,
    report::{Figure, Report, Target},
};

/// How many callers there are, and how many connections to each database.
const CONNECTIONS: usize = 32;

/// The peer that takes PostgreSQL, too.
const PEER: &str = "axum-sqlx";

const INSERT: &str =
    "INSERT INTO product (name, price, stock) VALUES ('Computer', '199.99', 9000000000) RETURNING id;";

/// Of a table that has as many rows as the store's.
fn select() -> String {
    format!("\\set id random(1, {ROWS})\nSELECT id, name, price, stock FROM product WHERE id = :id;")
}

/// Measures the store on a server of its own, which syncs each commit.
pub(crate) fn measure(plan: &Plan, program: &str, report: &mut Report) {
    if !plan.wants("PostgreSQL") {
        return;
    }
    if let Some(reason) = postgres::is_missing() {
        println!("PostgreSQL is not measured: {reason}");
        return;
    }
    // It ends with this process.
    let server: &'static Server = Box::leak(Box::new(Server::start(&["fsync=on", "shared_buffers=128MB"])));
    let pool_size = CONNECTIONS.to_string();
    let settings = [("BODY_TIMEOUT", "5s"), ("DATABASE_POOL_SIZE", pool_size.as_str())];
    let start = |program: &str| {
        let databases = ["products", "orders", "payments"].map(|service| server.database(service));
        let store = Store::start_with(new_folder(), databases.into(), program, &settings);
        work::prepare(&store.deployment());
        store
    };
    let bench = Bench { plan, pgbench: Pgbench::prepare(server), store: start(program) };
    let peer = peers::is_named(PEER).then(|| start(&peers::build(PEER, "postgres")));
    let (insert, select) = (INSERT, select());
    for (name, work, script, goal) in [
        ("POST /products on PostgreSQL", CREATE_PRODUCT, insert, 0.6),
        ("GET /products/{id} on PostgreSQL", GET_PRODUCT, &select, 0.6),
        ("POST /orders on PostgreSQL", CREATE_ORDER, insert, 0.35),
    ] {
        report.figures.push(bench.beside_pgbench(name, &work, script, goal));
    }
    for (name, work) in [
        ("POST /products, PostgreSQL, to sqlx", CREATE_PRODUCT),
        ("GET /products/{id}, PostgreSQL, to sqlx", GET_PRODUCT),
        ("POST /orders, PostgreSQL, to sqlx", CREATE_ORDER),
    ] {
        report.figures.extend(peer.iter().map(|peer| bench.beside_peer(name, &work, peer)));
    }
}

struct Bench<'a> {
    plan: &'a Plan,
    pgbench: Pgbench,
    store: Store,
}

impl Bench<'_> {
    fn beside_pgbench(&self, name: &'static str, work: &Work, script: &str, goal: f64) -> Figure {
        let question = work.question(&self.store.deployment());
        self.figure(name, question, goal, "pgbench", || self.pgbench.rate(script, self.plan.run))
    }

    fn beside_peer(&self, name: &'static str, work: &Work, peer: &Store) -> Figure {
        let [ours, theirs] = [&self.store, peer].map(|store| work.question(&store.deployment()));
        self.figure(name, ours, 2.0, "axum and sqlx", || self.rate(theirs))
    }

    fn figure(
        &self,
        name: &'static str,
        question: &'static Question,
        goal: f64,
        other: impl Display,
        other_rate: impl Fn() -> f64,
    ) -> Figure {
        let (mut ratios, mut rates) = (vec![], vec![]);
        for _ in 0..self.plan.rounds {
            let others = other_rate();
            let ours = self.rate(question);
            ratios.push(ours / others);
            rates.push((ours, others));
        }
        let (ours, others) = rates[rates.len() / 2];
        Figure {
            name,
            value: median(ratios),
            target: Target::AtLeast(goal),
            unit: "",
            explanation: format!("{ours:.0} a second; {other} {others:.0}"),
        }
    }

    fn rate(&self, question: &'static Question) -> f64 {
        closed_loop(question, CONNECTIONS, self.plan.run).rate
    }
}

/// PostgreSQL's own benchmark, with a table of its own.
struct Pgbench {
    database: postgres::Database,
    folder: TempDir,
}

impl Pgbench {
    fn prepare(server: &'static Server) -> Self {
        let database = server.database("pgbench");
        database.session().execute(&format!(
            "CREATE TABLE product (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL,
                                   price text NOT NULL, stock bigint NOT NULL);
             INSERT INTO product (name, price, stock)
             SELECT 'Computer', '199.99', 9000000000 FROM generate_series(1, {ROWS})"
        ));
        Self { database, folder: new_folder() }
    }

    /// How many transactions of `script` a second.
    fn rate(&self, script: &str, time: Duration) -> f64 {
        let file = self.folder.path().join("script.sql");
        fs::write(&file, script).expect("a script");
        let connections = CONNECTIONS.to_string();
        // It takes whole seconds.
        let seconds = time.as_secs_f64().ceil().to_string();
        let mut pgbench = Command::new("pgbench");
        pgbench.args(["--no-vacuum", "--protocol=prepared", "--jobs=1", "--client", &connections]);
        pgbench.args(["--time", &seconds, "--file"]).arg(file).arg(self.database.url());
        let output = pgbench.output().expect("pgbench, which comes with postgresql");
        let text = String::from_utf8_lossy(&output.stdout);
        let rate = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        rate.unwrap_or_else(|| panic!("pgbench: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

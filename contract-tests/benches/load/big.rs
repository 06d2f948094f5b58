//! Whether the store stays fast with many rows, holds no list in memory, and starts without delay.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use contract_tests::{
    engine::deployment::Address,
    harness::{folders::new_folder, process::Process},
    load::{
        drive::{closed_loop, once},
        work::{self, CREATE_PRODUCT, GET_PRODUCT, ROWS, Work},
    },
};
use rusqlite::Connection;
use serde::Serialize;
use tempfile::TempDir;

use crate::{
    Plan, median,
    report::{Figure, Report, Target},
    usage,
};

/// How many products the list has that is compared with one in memory.
const LIST: u64 = 100_000;

/// How long the slow reader of a list pauses, while others write.
const PAUSE: Duration = Duration::from_secs(3);

const MIB: f64 = 1024.0 * 1024.0;

/// Measures the products service with few and with many rows.
pub(crate) fn measure(plan: &Plan, program: &str, report: &mut Report) {
    if !plan.wants("rows") {
        return;
    }
    let few = Shop::open(program, ROWS);
    let list = Shop::open(program, LIST);
    let mut many = Shop::open(program, plan.many);
    report.figures.push(flatness("GET /products/{id} among many", &GET_PRODUCT, plan, &few, &many));
    report.figures.push(flatness("POST /products into many", &CREATE_PRODUCT, plan, &few, &many));
    report.figures.push(whole_list(plan, &list));
    report.figures.push(memory_of_a_list(&many));
    report.figures.extend(slow_reader(&many));
    report.figures.extend(start(program, &mut many));
}

/// A products service with some rows.
pub(crate) struct Shop {
    folder: TempDir,
    process: Process,
}

impl Shop {
    fn open(program: &str, rows: u64) -> Self {
        Self::open_in(new_folder(), program, rows, &[])
    }

    /// The same in this folder, with these settings.
    pub(crate) fn open_in(folder: TempDir, program: &str, rows: u64, settings: &[(&str, &str)]) -> Self {
        let settings: Vec<_> =
            settings.iter().map(|(variable, value)| ((*variable).into(), (*value).into())).collect();
        let mut process = Process::start(program, "products", folder.path(), &settings);
        process.stop();
        fill(&folder.path().join("products.db"), rows);
        process.start_again();
        Self { folder, process }
    }

    pub(crate) fn address(&self) -> Address {
        Address { url: self.process.url().into(), token: "SECRET_PRODUCTS_TOKEN".into() }
    }
}

fn fill(database: &Path, rows: u64) {
    let connection = Connection::open(database).expect("the database");
    let fill = format!(
        "WITH RECURSIVE number (value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM number WHERE value < {rows})
         INSERT INTO product (name, price, stock)
         SELECT 'Computer ' || value, value % 1000 + 0.99, value % 100 FROM number"
    );
    connection.execute_batch(&fill).expect("rows");
}

/// Work among many rows, as a ratio to the same among few.
fn flatness(name: &'static str, work: &Work, plan: &Plan, few: &Shop, many: &Shop) -> Figure {
    let [few, many] = [few, many].map(|shop| work.question_at(&shop.address()));
    let rate = |question| closed_loop(question, 32, plan.run).rate;
    Figure {
        name,
        value: median((0..plan.rounds).map(|_| rate(many) / rate(few)).collect()),
        target: Target::AtLeast(0.9),
        unit: "",
        explanation: format!("{} rows, as a ratio to {ROWS}", plan.many),
    }
}

/// The whole list over HTTP, as a ratio to writing the same JSON from memory.
fn whole_list(plan: &Plan, shop: &Shop) -> Figure {
    #[derive(Serialize)]
    struct Product {
        id: u64,
        name: String,
        price: f64,
        stock: u64,
    }
    let product = |id| Product {
        id,
        name: format!("Computer {id}"),
        price: (id % 1000) as f64 + 0.99,
        stock: id % 100,
    };
    let products: Vec<Product> = (1..=LIST).map(product).collect();
    let question = work::get(&shop.address(), "/products");
    let (mut lists, mut ratios, mut bytes) = (vec![], vec![], 0);
    for _ in 0..plan.rounds * 5 {
        let began = Instant::now();
        let in_memory = serde_json::to_vec(&products).expect("JSON").len();
        let memory = began.elapsed();
        let began = Instant::now();
        bytes = once(question);
        let list = began.elapsed();
        assert_eq!(bytes, in_memory, "both write the same");
        lists.push(list.as_secs_f64() * 1e3);
        ratios.push(list.as_secs_f64() / memory.as_secs_f64());
    }
    Figure {
        name: "GET /products, 100,000 of them",
        value: median(ratios),
        target: Target::AtMost(2.0),
        unit: "",
        explanation: format!(
            "{:.0} ms for {:.1} MiB, as a ratio to writing them from memory",
            median(lists),
            bytes as f64 / MIB
        ),
    }
}

fn memory_of_a_list(shop: &Shop) -> Figure {
    let id = shop.process.id();
    usage::forget_peak(id);
    let before = usage::memory(id);
    let bytes = once(work::get(&shop.address(), "/products"));
    Figure {
        name: "memory that a list of many takes",
        value: usage::peak_memory(id) - before,
        target: Target::AtMost(16.0),
        unit: " MiB",
        explanation: format!("the list has {:.0} MiB", bytes as f64 / MIB),
    }
}

/// A caller that requests a list and stops reading, while others write.
fn slow_reader(shop: &Shop) -> [Figure; 2] {
    let mut reader =
        TcpStream::connect(shop.process.url().trim_start_matches("http://")).expect("a connection");
    let head = "GET /products HTTP/1.1\r\nHost: store\r\nAuthorization: Bearer SECRET_PRODUCTS_TOKEN\r\n\r\n";
    reader.write_all(head.as_bytes()).expect("a request");
    reader.read_exact(&mut [0; 1024]).expect("the beginning of the list");

    let question = CREATE_PRODUCT.question_at(&shop.address());
    let slowed = closed_loop(question, 32, PAUSE).rate;
    let log = shop.folder.path().join("products.db-wal");
    let log = fs::metadata(log).expect("a write-ahead log").len() as f64 / MIB;
    drop(reader);
    thread::sleep(Duration::from_millis(100));
    let alone = closed_loop(question, 32, PAUSE).rate;
    [
        Figure {
            name: "POST /products beside a slow reader",
            value: slowed / alone,
            target: Target::AtLeast(0.9),
            unit: "",
            explanation: "of a list of many, as a ratio to the same without one".into(),
        },
        Figure {
            name: "the write-ahead log meanwhile",
            value: log,
            target: Target::AtMost(16.0),
            unit: " MiB",
            explanation: format!("after {:.0} writes", slowed * PAUSE.as_secs_f64()),
        },
    ]
}

/// How long a service takes to be ready, and how much memory it has then.
fn start(program: &str, many: &mut Shop) -> [Figure; 3] {
    let folder = new_folder();
    let began = Instant::now();
    let fresh = Process::start(program, "products", folder.path(), &[]);
    let fresh_time = began.elapsed();
    thread::sleep(Duration::from_millis(500));
    let at_rest = usage::memory(fresh.id());

    many.process.stop();
    let began = Instant::now();
    let again = Process::start(program, "products", many.folder.path(), &[]);
    let many_time = began.elapsed();
    drop(again);
    let ready = |name, time: Duration| Figure {
        name,
        value: time.as_secs_f64() * 1e3,
        target: Target::AtMost(100.0),
        unit: " ms",
        explanation: "from starting the process to its address".into(),
    };
    [
        ready("a fresh service is ready", fresh_time),
        ready("one with many rows is ready", many_time),
        Figure {
            name: "a fresh service at rest",
            value: at_rest,
            target: Target::AtMost(15.0),
            unit: " MiB",
            explanation: "resident memory".into(),
        },
    ]
}

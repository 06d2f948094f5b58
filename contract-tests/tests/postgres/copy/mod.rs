//! `store copy`: a store sends the same responses after its databases were copied as before.

pub(crate) mod interrupted;
pub(crate) mod refused;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use contract_tests::{
    engine::{deployment::SERVICES, exchange::Request, session::Session},
    harness::{ending, folders::new_folder, postgres::Server, process::command, store::Store, waiting},
};
use rusqlite::{Connection, types::Value};
use serde_json::json;
use tempfile::TempDir;

use crate::PROGRAM;

/// Orders take stock, so that there are reservations.
const RESERVE: [(&str, &str); 1] = [("ORDERS_STOCK", "reserve")];

/// A store with files, even if the other tests run on PostgreSQL.
fn on_files() -> Store {
    Store::start_with(new_folder(), Vec::new(), PROGRAM, &RESERVE)
}

fn stop(store: &mut Store) {
    for process in &mut store.services {
        assert!(process.stop().success(), "{}", process.log());
    }
}

/// The folder of the files of a store.
fn folder(store: &Store) -> String {
    store.database("products").parent().unwrap().to_string_lossy().into_owned()
}

/// `store copy` with these arguments, for services whose databases are those of `store`.
fn copying(store: &Store, arguments: &[&str]) -> Command {
    let mut copy = command(PROGRAM, &[&["copy"], arguments].concat(), Path::new(&folder(store)));
    for service in SERVICES.iter() {
        if let Some(database) = store.postgres(service) {
            copy.env(format!("{}_DATABASE_URL", service.to_uppercase()), database.url());
        }
    }
    copy
}

#[track_caller]
fn succeeds(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Everything that callers may have created, with a key for each that takes one.
fn creates(session: &Session) -> Vec<Request> {
    let post = |service: &str, key: &str, body| {
        let request = session.request(service, "POST", format!("/{service}")).json(&body);
        if key.is_empty() { request } else { request.header("Idempotency-Key", key) }
    };
    let product = |name: &str, price: serde_json::Value, stock: u64| json!({ "name": name, "price": price, "stock": stock });
    let reserve = |path: &str, quantity: u64| {
        session.request("products", "PUT", path).json(&json!({ "quantity": quantity }))
    };
    vec![
        post("products", "first", product("Computer", json!(19.99), 20)),
        post("products", "!\\N~{\"%s", product("naïve 日本語 \u{1} \\N \t\r\n\" 😀", json!(0.1), 0)),
        post("products", "", product(&"😀".repeat(200), json!(1e12), 9_007_199_254_740_991)),
        post("products", "tiny", product(" ", json!(1e-300), 1)),
        post("products", "", product("x", json!(123_456_789_012.345), 7)),
        session.request("products", "PUT", "/products/5").json(&product("y", json!(0), 1_000)),
        reserve("/products/1/reservations/basket-7", 2),
        reserve("/products/1/reservations/~!%23", 1),
        session.request("products", "DELETE", "/products/1/reservations/basket-7"),
        session.request("products", "DELETE", "/products/5/reservations/never-made"),
        post("orders", "first", json!({ "product_id": 1, "quantity": 3 })),
        post("orders", "", json!({ "product_id": 3, "quantity": 9_007_199_254_740_991_u64 })),
        post("orders", "third", json!({ "product_id": 5, "quantity": 1 })),
        post(
            "payments",
            "first",
            json!({ "order_id": 1, "amount": 0.30000000000000004, "method": "fake-card" }),
        ),
        post("payments", "", json!({ "order_id": 3, "amount": 1e12, "method": "ページ 😀" })),
    ]
}

fn fill(session: &Session) {
    for request in creates(session) {
        let response = session.send(&request).unwrap();
        assert!((200..300).contains(&response.status), "{response}");
    }
}

/// What the store answers to those who ask for what is there, and to those who ask again for what they have created.
fn responses(session: &Session) -> Vec<String> {
    let get = |service: &str, path: String| session.request(service, "GET", path);
    let mut requests =
        vec![get("products", "/products".into()), get("products", "/products?limit=2&after=1".into())];
    for id in 1..=6 {
        requests.extend(SERVICES.iter().map(|service| get(service, format!("/{service}/{id}"))));
    }
    for key in ["basket-7", "~!%23", "nothing"] {
        requests.push(get("products", format!("/products/1/reservations/{key}")));
    }
    requests.push(get("products", "/products/5/reservations/never-made".into()));
    // Those without a key would create something else.
    let is_repeatable = |request: &Request| {
        request.method == "PUT" && request.path.contains("basket")
            || request.headers.iter().any(|(name, _)| name == "Idempotency-Key")
    };
    requests.extend(creates(session).into_iter().filter(is_repeatable));
    requests.push(
        session.request("products", "PUT", "/products/1/reservations/~!%23").json(&json!({ "quantity": 1 })),
    );
    let first = session.request("products", "POST", "/products").header("Idempotency-Key", "first");
    requests.push(first.json(&json!({ "name": "other", "price": 1, "stock": 1 })));
    let response = |request: &Request| {
        let response = session.send(request).unwrap();
        let headers = ["ETag", "Location", "Link", "Idempotency-Replayed"]
            .map(|name| response.header(name).map(str::to_owned));
        let body = String::from_utf8(response.body.clone()).unwrap();
        format!(
            "{} {} {}: {} {headers:?} {body}",
            request.service, request.method, request.path, response.status
        )
    };
    requests.iter().map(response).collect()
}

/// The ids of what is created next.
fn next_ids(session: &Session) -> [u64; 3] {
    let create = |service: &str, body| {
        let response =
            session.send(&session.request(service, "POST", format!("/{service}")).json(&body)).unwrap();
        assert_eq!(response.status, 201, "{response}");
        response.id()
    };
    [
        create("products", json!({ "name": "new", "price": 1, "stock": 10 })),
        create("orders", json!({ "product_id": 5, "quantity": 1 })),
        create("payments", json!({ "order_id": 1, "amount": 1, "method": "new" })),
    ]
}

pub(crate) fn a_copied_store_responds_as_before_on_either_engine() {
    let mut files = on_files();
    let session = Session::new(files.deployment());
    fill(&session);
    let before = responses(&session);
    assert!(before.iter().filter(|line| line.contains("Some(\"true\")")).count() >= 6, "{before:#?}");
    stop(&mut files);
    let mut server = Store::on_postgres(PROGRAM, &RESERVE);
    stop(&mut server);
    let said = succeeds(&ending::output(&mut copying(&server, &["--from", &folder(&files)])));
    assert!(
        said.contains("Copied payments from ") && said.contains("  product                    5 rows"),
        "{said}"
    );

    let databases = SERVICES.iter().map(|service| server.postgres(service).unwrap().url());
    let settings: Vec<_> = SERVICES
        .iter()
        .map(|service| format!("{}_DATABASE_URL", service.to_uppercase()))
        .zip(databases)
        .collect();
    let settings: Vec<_> =
        settings.iter().map(|(variable, url)| (variable.as_str(), url.as_str())).chain(RESERVE).collect();
    let mut moved = Store::start_with(new_folder(), Vec::new(), PROGRAM, &settings);
    let session = Session::new(moved.deployment());
    assert_eq!(responses(&session), before);
    assert_eq!(next_ids(&session), [6, 4, 3]);
    let after = responses(&session);
    stop(&mut moved);

    let back = new_folder();
    succeeds(&ending::output(&mut copying(&server, &["--to", &back.path().to_string_lossy()])));
    let back = Store::start_with(back, Vec::new(), PROGRAM, &RESERVE);
    let session = Session::new(back.deployment());
    assert_eq!(responses(&session), after);
    assert_eq!(next_ids(&session), [7, 5, 4]);
}

/// Every table with its rows. Times are those before the newest row, since a server has another clock.
fn content(database: &Path) -> Vec<(String, Vec<Vec<Value>>)> {
    let connection = Connection::open(database).unwrap();
    let tables = "SELECT name, sql FROM sqlite_schema WHERE type IN ('table', 'index') AND sql IS NOT NULL
                  AND name <> 'generation' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let mut statement = connection.prepare(tables).unwrap();
    let tables = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let rows = |(name, sql): (String, String)| {
        if !sql.trim_start().starts_with("CREATE TABLE") {
            return (sql, Vec::new());
        }
        let mut statement = connection.prepare(&format!("SELECT * FROM {name} ORDER BY 1, 2")).unwrap();
        let time = statement.column_names().position(|name| name == "stored_at");
        let count = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            (0..count).map(|index| row.get(index)).collect::<Result<Vec<Value>, _>>()
        };
        let mut rows: Vec<_> = statement.query_map([], row).unwrap().map(Result::unwrap).collect();
        if let Some(time) = time {
            let seconds = |row: &[Value]| if let Value::Integer(seconds) = row[time] { seconds } else { 0 };
            let newest = rows.iter().map(|row| seconds(row)).max().unwrap_or_default();
            rows.iter_mut().for_each(|row| row[time] = Value::Integer(newest - seconds(row)));
        }
        (sql, rows)
    };
    tables.map(|table| rows(table.unwrap())).collect()
}

/// The files of a stopped store, with every kind of row.
fn full_files() -> (Store, String) {
    let mut files = on_files();
    fill(&Session::new(files.deployment()));
    stop(&mut files);
    let execute =
        |service, statements| Connection::open(files.database(service)).unwrap().execute_batch(statements);
    // What a crash may have left, and keys of different ages.
    execute(
        "orders",
        "INSERT INTO intent VALUES ('order-1', 1, 2, 'OPEN'), ('order-2', 5, 9007199254740991, 'RELEASING')",
    )
    .unwrap();
    execute("products", "UPDATE stored_response SET stored_at = 1000 + 77 * length(key) * length(key)")
        .unwrap();
    let folder = folder(&files);
    (files, folder)
}

pub(crate) fn a_file_that_is_copied_there_and_back_is_equal() {
    let (files, data) = full_files();
    let mut server = Store::on_postgres(PROGRAM, &RESERVE);
    stop(&mut server);
    let (back, beside) = (new_folder(), new_folder());
    let path = |folder: &TempDir| folder.path().join("deeper").to_string_lossy().into_owned();
    succeeds(&ending::output(&mut copying(&server, &["--from", &data])));
    succeeds(&ending::output(&mut copying(&server, &["--to", &path(&back)])));
    succeeds(&ending::output(&mut copying(&server, &["--from", &data, "--to", &path(&beside)])));
    for service in SERVICES.iter() {
        let original = content(&files.database(service));
        let rows: usize = original.iter().map(|(_, rows)| rows.len()).sum();
        assert!(rows >= 3, "{service} has {rows}");
        for folder in [&back, &beside] {
            let copy = folder.path().join("deeper").join(format!("{service}.db"));
            assert_eq!(content(&copy), original, "{service}");
            assert!(!copy.with_extension("db-wal").exists());
        }
    }
    // The newest counts as stored when the copy began, and the others so much earlier.
    let ages = "SELECT extract(epoch FROM max(stored_at) - min(stored_at))::bigint FROM stored_response";
    let oldest: i64 = Connection::open(files.database("products"))
        .unwrap()
        .query_row("SELECT max(stored_at) - min(stored_at) FROM stored_response", [], |row| row.get(0))
        .unwrap();
    assert!(oldest > 0);
    let mut session = server.postgres("products").unwrap().session();
    assert_eq!(session.number(ages), oldest);
    let newest =
        "SELECT count(*) FROM stored_response WHERE stored_at BETWEEN now() - interval '1 hour' AND now()";
    assert!(session.number(newest) > 0);
}

pub(crate) fn a_server_can_be_copied_to_another() {
    let (_files, data) = full_files();
    let [mut first, mut second] = [(); 2].map(|()| Store::on_postgres(PROGRAM, &RESERVE));
    stop(&mut first);
    stop(&mut second);
    succeeds(&ending::output(&mut copying(&first, &["--from", &data])));
    for service in SERVICES.iter() {
        let (from, to) = (first.postgres(service).unwrap(), second.postgres(service).unwrap());
        let arguments = ["copy", "--only", service, "--from", &from.url(), "--to", &to.url()];
        succeeds(&ending::output(&mut command(PROGRAM, &arguments, Path::new(&data))));
        let times =
            "SELECT coalesce(sum(extract(epoch FROM stored_at) * 1000000), 0)::bigint FROM stored_response";
        assert_eq!(from.session().number(times), to.session().number(times));
    }
    let intents = "SELECT count(*) FROM intent WHERE owner = ''";
    assert_eq!(second.postgres("orders").unwrap().session().number(intents), 2);
}

/// The most memory that a copy of so many products takes (proc_pid_status(5)).
fn most_memory(products: usize) -> u64 {
    let mut files = on_files();
    files.fill(products);
    stop(&mut files);
    let server = Box::leak(Box::new(Server::shared().database("products")));
    let arguments = ["--only", "products", "--from", &folder(&files), "--to", &server.url()];
    let mut copy = copying(&files, &arguments).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", copy.id());
    let mut most = 0;
    let ended = waiting::until("the end of the copy", || {
        let status = fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        most = line.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(most);
        copy.try_wait().unwrap().is_some()
    });
    if ended.is_err() {
        let _ = copy.kill();
    }
    succeeds(&ending::of("the copy", copy));
    ended.unwrap();
    assert_eq!(server.session().number("SELECT count(*) FROM product"), products as i64);
    most
}

pub(crate) fn a_large_database_takes_no_more_memory_than_a_small_one() {
    let [small, large] = [5_000, 100_000].map(most_memory);
    println!("a copy of 5,000 products takes {small} KiB, and one of 100,000 takes {large} KiB");
    assert!(large < small + 10_000, "{small} KiB become {large} KiB");
}

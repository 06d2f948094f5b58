//! A server that fails, is slow or is in the way.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use contract_tests::{
    engine::{
        deployment::{Address, Deployment, SERVICES},
        exchange::{Request, Response},
        session::Session,
    },
    harness::{
        caller::SOON,
        development::token,
        folders::new_folder,
        postgres::{Database, Server},
        process::Process,
        store::Store,
        waiting::{self, SetOnDrop},
    },
};
use serde_json::json;
use tempfile::TempDir;

use crate::{PROGRAM, relay::Relay};

fn create(session: &Session, name: &str) -> Request {
    session.request("products", "POST", "/products").json(&json!({ "name": name, "price": 1, "stock": 1000 }))
}

fn get(session: &Session, path: &str) -> Response {
    session.send(&session.request("products", "GET", path)).unwrap()
}

/// A store on a server of its own, which the test disturbs. The server is never dropped, as the shared one is.
fn disturbed(settings: &[&str], of_store: &[(&str, &str)]) -> (&'static Server, Store, Session) {
    let server: &'static Server = Box::leak(Box::new(Server::start(settings)));
    let databases = ["products", "orders", "payments"].map(|service| server.database(service));
    let store = Store::start_with(new_folder(), databases.into(), PROGRAM, of_store);
    let session = Session::new(store.deployment());
    (server, store, session)
}

fn is_unavailable(response: &Response) {
    assert_eq!((response.status, response.header("Retry-After")), (503, Some("1")), "{response}");
    assert_eq!(response.json(), json!({ "error": "Service unavailable" }));
}

pub(crate) fn readyz_reports_a_killed_server_and_the_service_recovers() {
    let (server, store, session) = disturbed(&[], &[]);
    session.expect(&create(&session, "before"), 201, None).unwrap();
    for _ in 0..2 {
        let before = get(&session, "/products").body;
        server.kill();
        for _ in 0..3 {
            is_unavailable(&get(&session, "/products/1"));
            is_unavailable(&get(&session, "/products?limit=1"));
            let created = session.send(&create(&session, "meanwhile")).unwrap();
            is_unavailable(&created);
            assert_eq!(get(&session, "/readyz").status, 503);
            assert_eq!(get(&session, "/livez").status, 200);
        }
        server.start_again();
        waiting::until("the service to be ready again", || get(&session, "/readyz").status == 200).unwrap();
        assert_eq!(get(&session, "/products").body, before);
        session.expect(&create(&session, "after"), 201, None).unwrap();
    }
    assert_eq!(store.rows("products"), 3);
}

pub(crate) fn terminated_connections_lose_no_acknowledged_write() {
    let store = Store::on_postgres(PROGRAM, &[]);
    let session = Session::new(store.deployment());
    let database = store.postgres("products").unwrap();
    let is_over = AtomicBool::new(false);
    let acknowledged: BTreeSet<String> = thread::scope(|scope| {
        scope.spawn(|| {
            let mut session = database.session();
            while !is_over.load(Relaxed) {
                session.rows(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'products'",
                );
                thread::sleep(Duration::from_millis(20));
            }
        });
        let _over = SetOnDrop(&is_over);
        let session = &session;
        let call = |caller: u32| {
            move || {
                let names = (0..60).map(move |number| format!("{caller}-{number}"));
                let is_created = |name: &String| {
                    let mut request = create(session, name);
                    if caller < 3 {
                        request = request.header("Idempotency-Key", name);
                    }
                    let response = session.send(&request).unwrap();
                    assert!([201, 500, 503].contains(&response.status), "{response}");
                    response.status == 201
                };
                names.filter(is_created).collect::<Vec<_>>()
            }
        };
        let callers: Vec<_> = (0..6).map(|caller| scope.spawn(call(caller))).collect();
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    assert!(acknowledged.len() > 60, "{} writes were acknowledged", acknowledged.len());
    let rows = database.session().rows("SELECT name, count(*) FROM product GROUP BY name");
    assert!(rows.iter().all(|row| row.get::<_, i64>(1) == 1), "something was created twice");
    let stored: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(acknowledged.is_subset(&stored), "lost: {:?}", acknowledged.difference(&stored));
}

pub(crate) fn a_stored_value_that_is_out_of_range_is_a_500() {
    let store = Store::on_postgres(PROGRAM, &[]);
    let session = Session::new(store.deployment());
    session.expect(&create(&session, "spoilt"), 201, None).unwrap();
    let mut admin = store.postgres("products").unwrap().session();
    admin.execute("ALTER TABLE product DROP CONSTRAINT product_stock_check; UPDATE product SET stock = -1");
    // A retry would find the same.
    session.expect(&session.request("products", "GET", "/products/1"), 500, Some("Internal error")).unwrap();
    session.expect(&session.request("products", "GET", "/products"), 500, Some("Internal error")).unwrap();
    assert_eq!(get(&session, "/readyz").status, 200);
}

pub(crate) fn connections_that_run_out_are_503() {
    let (server, store, session) =
        disturbed(&["max_connections=14", "superuser_reserved_connections=0"], &[]);
    session.expect(&create(&session, "before"), 201, None).unwrap();
    let mut admin = server.session();
    let mut others = Vec::new();
    admin.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'products'");
    while let Ok(other) = store.postgres("products").unwrap().try_session() {
        others.push(other);
    }
    is_unavailable(&session.send(&create(&session, "meanwhile")).unwrap());
    assert_eq!(get(&session, "/readyz").status, 503);
    assert_eq!(get(&session, "/livez").status, 200);
    drop(others);
    waiting::until("a connection", || session.send(&create(&session, "after")).unwrap().status == 201)
        .unwrap();
    assert_eq!(store.rows("products"), 2);
}

/// How many statements of the service run, or wait for a lock.
const RUNNING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                       AND application_name = 'products' AND state <> 'idle'";

pub(crate) fn a_write_is_cancelled_at_its_deadline() {
    let store = Store::on_postgres(PROGRAM, &[]);
    let session = Session::new(store.deployment());
    session.expect(&create(&session, "before"), 201, None).unwrap();
    let locked = store.lock("products");
    let mut watcher = store.postgres("products").unwrap().session();
    for key in [None, Some("a")] {
        let mut request = create(&session, "given up").header("X-Request-Timeout-Ms", "200");
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let began = Instant::now();
        is_unavailable(&session.send(&request).unwrap());
        assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
        waiting::until("the end of the statement", || watcher.number(RUNNING) == 0).unwrap();
    }
    drop(locked);
    session.expect(&create(&session, "after"), 201, None).unwrap();
    assert_eq!(store.rows("products"), 2);
}

pub(crate) fn a_lock_is_waited_for_until_the_statement_timeout() {
    const TIMEOUT: Duration = Duration::from_millis(300);
    let store =
        Store::on_postgres(PROGRAM, &[("DATABASE_STATEMENT_TIMEOUT", "300ms"), ("REQUEST_TIMEOUT", "20s")]);
    let session = Session::new(store.deployment());
    session.expect(&create(&session, "before"), 201, None).unwrap();
    let _locked = store.lock("products");
    let began = Instant::now();
    is_unavailable(&session.send(&create(&session, "timed out")).unwrap());
    let took = began.elapsed();
    assert!(took >= TIMEOUT && took < Duration::from_secs(15), "it took {took:?}");
    // Reads go on.
    assert_eq!(get(&session, "/products/1").status, 200);
}

pub(crate) fn a_lock_that_is_freed_in_time_is_only_waited_for() {
    let settings = [("DATABASE_STATEMENT_TIMEOUT", "60s"), ("REQUEST_TIMEOUT", "60s")];
    let store = Store::on_postgres(PROGRAM, &settings);
    let session = Session::new(store.deployment());
    let locked = store.lock("products");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| session.expect(&create(&session, "in time"), 201, None));
        let mut watcher = store.postgres("products").unwrap().session();
        waiting::until("the write to wait", || waiting.is_finished() || watcher.number(RUNNING) == 1)
            .unwrap();
        assert!(!waiting.is_finished(), "it has not waited");
        drop(locked);
        waiting.join().unwrap().unwrap();
    });
}

pub(crate) fn conflicts_of_transactions_are_tried_again() {
    const CALLERS: i64 = 6;
    const RESERVATIONS: i64 = 12;
    let store = Store::on_postgres(PROGRAM, &[("RUST_LOG", "info,chassis=debug")]);
    let session = Session::new(store.deployment());
    // In this isolation, the second of two that change the same row fails with 40001.
    let database = store.postgres("products").unwrap();
    let mut admin = database.session();
    admin.execute(&format!(
        "ALTER DATABASE {} SET default_transaction_isolation = 'serializable'",
        database.name()
    ));
    admin.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'products' AND datname = current_database()");
    waiting::until("a new connection", || session.send(&create(&session, "popular")).unwrap().status == 201)
        .unwrap();
    let id = get(&session, "/products").json()[0]["id"].as_u64().unwrap();
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let session = &session;
            scope.spawn(move || {
                for number in 0..RESERVATIONS {
                    let path = format!("/products/{id}/reservations/{caller}-{number}");
                    let reserve = session.request("products", "PUT", path).json(&json!({ "quantity": 1 }));
                    session.expect(&reserve, 201, None).unwrap();
                }
            });
        }
    });
    assert_eq!(admin.number("SELECT stock FROM product"), 1000 - CALLERS * RESERVATIONS);
    // That there were any.
    store.services[0].wait_for_log("SQLSTATE 40001");
}

pub(crate) fn a_commit_whose_outcome_the_server_does_not_know_is_a_500() {
    let mut store = Store::on_postgres(PROGRAM, &[]);
    let session = Session::new(store.deployment());
    let mut admin = store.postgres("products").unwrap().session();
    for code in ["40003", "08007"] {
        // As a pooler says it, or a server of several machines.
        admin.execute(&format!(
            "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'unknown' USING ERRCODE = '{code}'; END $$;
             CREATE OR REPLACE TRIGGER fail BEFORE INSERT ON product EXECUTE FUNCTION fail()"
        ));
        session.expect(&create(&session, "unknown"), 500, Some("Internal error")).unwrap();
        let told = format!("whether the transaction was committed: unknown (SQLSTATE {code})");
        store.service("products").wait_for_log(&told);
    }
}

/// Products, whose database is behind a relay.
pub(crate) fn behind_relay() -> (Relay, Database, Process, Session, TempDir) {
    let server = Server::local();
    let (database, folder) = (server.database("products"), new_folder());
    let relay = Relay::start(&server.socket().unwrap());
    let url = format!("postgres://postgres@127.0.0.1:{}/{}", relay.port(), database.name());
    let settings = [("PRODUCTS_DATABASE_URL".to_owned(), url)];
    let process = Process::start(PROGRAM, "products", folder.path(), &settings);
    let deployment = Deployment::new(
        SERVICES.iter().map(|service| Address { url: process.url().into(), token: token(service) }),
    );
    (relay, database, process, Session::new(deployment), folder)
}

pub(crate) fn a_lost_response_to_a_commit_is_a_500_and_the_key_makes_a_retry_safe() {
    let (relay, database, process, session, _folder) = behind_relay();
    let mut watcher = database.session();
    let mut rows = || watcher.number("SELECT count(*) FROM product");
    // Its statement is prepared now, so that the next thing to be sent is the insert itself.
    session.expect(&create(&session, "first"), 201, None).unwrap();
    // A caller with a key can repeat the request, and nothing is done twice.
    let with_key = create(&session, "third").header("Idempotency-Key", "third");
    for (stored, request, commit) in [(2, create(&session, "second"), ""), (3, with_key.clone(), "COMMIT")] {
        let (sent, cut) = relay.swallow_the_response_to(commit);
        let response = thread::scope(|scope| {
            let call = scope.spawn(|| session.send(&request).unwrap());
            sent.recv_timeout(SOON).unwrap();
            waiting::until("the commit", || rows() == stored).unwrap();
            cut.send(()).unwrap();
            call.join().unwrap()
        });
        assert_eq!(response.status, 500, "{response}");
        assert_eq!(response.json(), json!({ "error": "Internal error" }));
    }
    process.wait_for_log("it is not known whether the transaction was committed");
    let again = session.expect(&with_key, 201, None).unwrap();
    assert_eq!(again.header("Idempotency-Replayed"), Some("true"), "{again}");
    assert_eq!((again.json()["name"].as_str(), rows()), (Some("third"), 3));
}

pub(crate) fn a_server_that_falls_silent_leaves_only_a_commit_unknown() {
    let (relay, database, _process, session, _folder) = behind_relay();
    let mut watcher = database.session();
    session.expect(&create(&session, "first"), 201, None).unwrap();
    let hurried = |name| create(&session, name).header("X-Request-Timeout-Ms", "2000");
    let with_key = hurried("third").header("Idempotency-Key", "third");
    for (request, last, status) in [(hurried("second"), "", 500), (with_key, "BEGIN", 503)] {
        // Until the response is here, the connection stays open.
        let (_sent, _cut) = relay.swallow_the_response_to(last);
        assert_eq!(session.send(&request).unwrap().status, status);
    }
    session.expect(&create(&session, "last"), 201, None).unwrap();
    let names = watcher.rows("SELECT name FROM product ORDER BY id");
    assert_eq!(names.iter().map(|row| row.get(0)).collect::<Vec<String>>(), ["first", "second", "last"]);
}

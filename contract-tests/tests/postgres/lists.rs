//! Ids are assigned before the commit, and yet no page of a list skips a row.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use contract_tests::{
    engine::session::Session,
    harness::{caller::SOON, store::Store, waiting},
};
use serde_json::json;

use crate::PROGRAM;

/// What the service says to insert a product.
const INSERT: &str = "INSERT INTO product (name, price, stock)
    SELECT 'In flight', 1, 1 FROM pg_advisory_xact_lock_shared(x'70726f64756374'::bigint) RETURNING id";

/// How many lists wait.
const WAITING: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

fn create(session: &Session) -> u64 {
    let product = json!({ "name": "Committed", "price": 1, "stock": 1 });
    let create = session.request("products", "POST", "/products").json(&product);
    session.expect(&create, 201, None).unwrap().json()["id"].as_u64().unwrap()
}

fn ids(session: &Session, path: &str) -> Vec<u64> {
    let list = session.expect(&session.request("products", "GET", path), 200, None).unwrap().json();
    list.as_array().unwrap().iter().map(|product| product["id"].as_u64().unwrap()).collect()
}

pub(crate) fn a_page_waits_for_a_product_that_is_yet_to_appear() {
    let store = Store::on_postgres(PROGRAM, &[]);
    let session = Session::new(store.deployment());
    let first = create(&session);
    for path in ["/products?limit=10&after=", "/products?after="] {
        let path = format!("{path}{first}");
        let before = ids(&session, &path);
        let database = store.postgres("products").unwrap();
        let (mut writer, mut watcher) = (database.session(), database.session());
        writer.execute("BEGIN");
        let in_flight = u64::try_from(writer.number(INSERT)).unwrap();
        let later = create(&session);
        assert!(later > in_flight);
        let listed = thread::scope(|scope| {
            let list = scope.spawn(|| ids(&session, &path));
            waiting::until("the list to wait", || list.is_finished() || watcher.number(WAITING) == 1)
                .unwrap();
            writer.execute("COMMIT");
            list.join().unwrap()
        });
        assert_eq!(listed, [before, vec![in_flight, later]].concat());
    }
}

pub(crate) fn a_whole_list_waits_for_a_product_between_two_chunks() {
    // What the service reads at once.
    const CHUNK: u64 = 400;
    for held in [CHUNK, CHUNK + 1] {
        let store = Store::on_postgres(PROGRAM, &[]);
        let session = Session::new(store.deployment());
        let database = store.postgres("products").unwrap();
        let (mut writer, mut watcher) = (database.session(), database.session());
        writer.execute(&format!(
            "INSERT INTO product (name, price, stock) SELECT 'x', 1, 1 FROM generate_series(1, {})",
            held - 1
        ));
        writer.execute("BEGIN");
        assert_eq!(u64::try_from(writer.number(INSERT)).unwrap(), held);
        create(&session);
        let listed = thread::scope(|scope| {
            let list = scope.spawn(|| ids(&session, "/products"));
            waiting::until("the list to wait", || list.is_finished() || watcher.number(WAITING) == 1)
                .unwrap();
            writer.execute("COMMIT");
            list.join().unwrap()
        });
        assert_eq!(listed, (1..=held + 1).collect::<Vec<_>>());
    }
}

pub(crate) fn a_list_with_old_gaps_does_not_wait() {
    let store = Store::on_postgres(PROGRAM, &[]);
    let session = Session::new(store.deployment());
    let mut writer = store.postgres("products").unwrap().session();
    let first = create(&session);
    writer.execute(&format!("BEGIN; {INSERT}; ROLLBACK"));
    let second = create(&session);
    // The first time, the gap might be a product that is yet to appear.
    assert_eq!(ids(&session, "/products?limit=10"), [first, second]);
    writer.execute("BEGIN");
    writer.execute(INSERT);
    assert_eq!(ids(&session, "/products?limit=10"), [first, second]);
    assert_eq!(ids(&session, "/products"), [first, second]);
    writer.execute("ROLLBACK");
}

pub(crate) fn a_list_goes_on_after_the_deadline_of_its_request() {
    // More than the buffers between the service and its caller hold.
    const PRODUCTS: usize = 60_000;
    let store = Store::on_postgres(PROGRAM, &[("REQUEST_TIMEOUT", "300ms")]);
    let session = Session::new(store.deployment());
    store.postgres("products").unwrap().session().execute(&format!(
        "INSERT INTO product (name, price, stock) SELECT repeat('x', 200), 1, 1 FROM generate_series(1, {PRODUCTS})"
    ));
    let service = session.deployment.service("products");
    let mut stream = TcpStream::connect(service.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let head = format!(
        "GET /products HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
        service.token
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The deadline is over, and most of the list has not been read.
    thread::sleep(Duration::from_millis(500));
    let mut response = Vec::new();
    stream.read_to_end(&mut response).unwrap();
    assert!(response.starts_with(b"HTTP/1.1 200 OK\r\n") && response.ends_with(b"]\r\n0\r\n\r\n"));
    assert!(response.len() > 200 * PRODUCTS, "{} bytes", response.len());
}

//! Ids are given before the commit, and no page of a list passes one by.

use std::thread;

use contract_tests::{
    engine::session::Session,
    harness::{store::Store, waiting},
};
use serde_json::json;

use crate::PROGRAM;

/// What the service says to insert a product.
const INSERT: &str = "INSERT INTO product (name, price, stock)
    SELECT 'In flight', 1, 1 FROM pg_advisory_xact_lock_shared(x'70726f64756374'::bigint) RETURNING id";

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
            let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
            waiting::until("the list to wait", || list.is_finished() || watcher.number(waiting) == 1)
                .unwrap();
            writer.execute("COMMIT");
            list.join().unwrap()
        });
        assert_eq!(listed, [before, vec![in_flight, later]].concat());
    }
}

pub(crate) fn a_list_with_old_gaps_waits_for_nobody() {
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

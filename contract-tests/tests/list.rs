//! The whole list, which is read in pieces: `cargo test -p contract-tests --test list`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]

use contract_tests::session::{self, Session};
use rusqlite::Connection;

const PROGRAM: &str = env!("CARGO_BIN_EXE_store-under-test");

/// Enough for many pieces.
const PRODUCTS: i64 = 5000;

/// The ids of the products, which have gaps: small ones, and some that are longer than a piece.
fn ids() -> impl Iterator<Item = i64> {
    (1..=PRODUCTS).map(|number| number + number / 7 + number / 777 * 3000)
}

/// The ids of the list at `path`, in its order.
#[track_caller]
fn listed(session: &Session, path: String) -> Vec<i64> {
    let list = session.expect(&session.request("products", "GET", path), 200, None).unwrap().json();
    list.as_array().unwrap().iter().map(|product| product["id"].as_i64().unwrap()).collect()
}

#[test]
fn every_product_is_in_a_long_list_once_and_in_its_place() {
    let (store, session) = session::start(PROGRAM, &[]);
    let mut connection = Connection::open(store.database("products")).unwrap();
    let transaction = connection.transaction().unwrap();
    for id in ids() {
        let insert = "INSERT INTO product (id, name, price, stock) VALUES (?1, 'Computer', 200, 20)";
        transaction.execute(insert, [id]).unwrap();
    }
    transaction.commit().unwrap();

    assert_eq!(listed(&session, "/products".into()), ids().collect::<Vec<_>>());
    for after in [1, 399, 400, 401, 2345, ids().last().unwrap()] {
        let rest: Vec<i64> = ids().filter(|id| *id > after).collect();
        assert_eq!(listed(&session, format!("/products?after={after}")), rest, "after {after}");
    }
}

//! The whole list, which is read in chunks.

use contract_tests::{engine::session::Session, harness::store::Store};
use rusqlite::Connection;

use crate::PROGRAM;

/// Enough products for many chunks. Their ids have gaps, some of them longer than a chunk.
const PRODUCTS: &str = "
    WITH RECURSIVE number (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM number WHERE i < 5000)
    INSERT INTO product (id, name, price, stock)
    SELECT i + i / 7 + i / 777 * 3000, 'Computer', 200, 20 FROM number";

/// The ids of the list at `path`, in its order.
#[track_caller]
fn listed(session: &Session, path: String) -> Vec<i64> {
    let list = session.expect(&session.request("products", "GET", path), 200, None).unwrap().json();
    list.as_array().unwrap().iter().map(|product| product["id"].as_i64().unwrap()).collect()
}

#[test]
fn a_long_list_has_every_product_once_and_in_order() {
    let (store, session) = Store::start_with_session(PROGRAM, &[]);
    let connection = Connection::open(store.database("products")).unwrap();
    connection.execute_batch(PRODUCTS).unwrap();
    let mut ids = connection.prepare("SELECT id FROM product ORDER BY id").unwrap();
    let ids: Vec<i64> = ids.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(ids.len(), 5000);

    assert_eq!(listed(&session, "/products".into()), ids);
    for after in [1, 399, 400, 401, 2345, ids[4998], ids[4999]] {
        let rest = &ids[ids.partition_point(|id| *id <= after)..];
        assert_eq!(listed(&session, format!("/products?after={after}")), rest, "after {after}");
    }
}

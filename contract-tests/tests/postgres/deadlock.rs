//! Transactions that wait for each other.

use std::thread;

use contract_tests::{
    engine::session::Session,
    harness::{store::Store, waiting},
};
use serde_json::json;

use crate::PROGRAM;

/// How often the service may be spared, which depends on who looks for a deadlock first.
const ATTEMPTS: usize = 20;

pub(crate) fn a_transaction_that_ends_a_deadlock_is_tried_again() {
    let store = Store::on_postgres(PROGRAM, &[("RUST_LOG", "debug")]);
    let session = Session::new(store.deployment());
    let product = json!({ "name": "Computer", "price": 1, "stock": 1000 });
    session.expect(&session.request("products", "POST", "/products").json(&product), 201, None).unwrap();
    let database = store.postgres("products").unwrap();
    let (mut other, mut watcher) = (database.session(), database.session());
    let is_victim = (1..=ATTEMPTS).any(|attempt| {
        // The service locks the product, and then waits for this row.
        other.execute(&format!("BEGIN; INSERT INTO reservation VALUES (1, 'key-{attempt}', 1, 'HELD')"));
        let path = format!("/products/1/reservations/key-{attempt}");
        let reserve = session.request("products", "PUT", path).json(&json!({ "quantity": 2 }));
        thread::scope(|scope| {
            let reservation = scope.spawn(|| session.expect(&reserve, 201, None));
            let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
                           AND application_name = 'products' AND datname = current_database()";
            waiting::until("the service to wait", || watcher.number(waiting) == 1).unwrap();
            let is_spared = other.try_execute("UPDATE product SET price = 2 WHERE id = 1").is_err();
            other.execute("ROLLBACK");
            reservation.join().unwrap().unwrap_or_else(|failure| panic!("{failure}"));
            !is_spared
        })
    });
    assert!(is_victim, "in {ATTEMPTS} attempts, the other transaction was the one to end");
    store.services[0].wait_for_log("deadlock detected (SQLSTATE 40P01)");
    let reserved = "SELECT (1000 - stock) - (SELECT sum(quantity)::bigint FROM reservation) FROM product";
    assert_eq!(watcher.number(reserved), 0, "stock was taken twice, or not at all");
}

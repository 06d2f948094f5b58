//! No oversell: with `ORDERS_STOCK=reserve`, the sold items plus the remaining stock equal the original stock, with any interleaving,
//! crash or lost message: `cargo test --test reserve`.
//!
//! `RESERVE_RACES` and `RESERVE_KILLS` set the number of races for the last unit, and of kills of services. With
//! `STORE_ENGINE=postgres`, `races` and `crashes` run on PostgreSQL; `settling` always uses files.

#![allow(clippy::disallowed_macros, reason = "a test prints what it finds")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]

mod crashes;
mod network;
mod races;
mod settling;

use std::collections::BTreeMap;

use contract_tests::{
    engine::{exchange::Request, session::Session},
    harness::{store::Store, waiting},
    suite::judged,
};
use rusqlite::{Connection, config::DbConfig};
use serde_json::json;

const PROGRAM: &str = env!("CARGO_BIN_EXE_store-under-test");

/// The settings of a store that reserves.
const RESERVING: [(&str, &str); 2] = [("ORDERS_STOCK", "reserve"), ("RUST_LOG", "info")];

const NOT_ENOUGH_STOCK: &str = "Not enough stock";
const UNAVAILABLE: &str = "Product not found or unavailable";

/// Starts a store, and shows once what is judged.
fn start(settings: &[(&str, &str)]) -> (Store, Session) {
    judged::tell(judged::of_new_stores);
    Store::start_with_session(PROGRAM, settings)
}

fn create_product(session: &Session, stock: u64) -> u64 {
    let product = json!({ "name": "Scarce", "price": 1, "stock": stock });
    session.expect(&session.request("products", "POST", "/products").json(&product), 201, None).unwrap().id()
}

fn stock(session: &Session, product: u64) -> u64 {
    let read = session.request("products", "GET", format!("/products/{product}"));
    session.expect(&read, 200, None).unwrap().json()["stock"].as_u64().unwrap()
}

fn order(session: &Session, product: u64, quantity: u64) -> Request {
    session.request("orders", "POST", "/orders").json(&json!({ "product_id": product, "quantity": quantity }))
}

/// What reservations and orders hold, by the key of the reservation: the product, and the quantity.
type Held = BTreeMap<String, (u64, u64)>;

/// The file of a service, which may be dead: its log is left to its next start.
fn look(store: &Store, service: &str) -> Connection {
    let connection = Connection::open(store.database(service)).unwrap();
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    connection
}

fn held(store: &Store, service: &str, query: &str) -> Held {
    let entry = |key: String, product: i64, quantity: i64| (key, (product as u64, quantity as u64));
    if let Some(database) = store.postgres(service) {
        let rows = database.session().rows(query);
        return rows.iter().map(|row| entry(row.get(0), row.get(1), row.get(2))).collect();
    }
    let connection = look(store, service);
    let mut statement = connection.prepare(query).unwrap();
    let rows = statement.query_map([], |row| Ok(entry(row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// What the reservations of orders hold, according to products.
fn reserved(store: &Store) -> Held {
    held(
        store,
        "products",
        "SELECT key, product_id, quantity FROM reservation WHERE status = 'HELD' AND key LIKE 'order-%'",
    )
}

/// What the orders have, according to orders.
fn sold(store: &Store) -> Held {
    held(
        store,
        "orders",
        "SELECT key, product_id, quantity FROM purchase_order JOIN order_reservation ON order_id = id",
    )
}

fn orders(store: &Store) -> i64 {
    count(store, "orders", "SELECT count(*) FROM purchase_order")
}

fn intents(store: &Store) -> i64 {
    count(store, "orders", "SELECT count(*) FROM intent")
}

fn count(store: &Store, service: &str, query: &str) -> i64 {
    match store.postgres(service) {
        Some(database) => database.session().number(query),
        None => look(store, service).query_row(query, [], |row| row.get(0)).unwrap(),
    }
}

/// Waits until every intent has become an order or is gone.
fn wait_until_settled(store: &Store) {
    waiting::until("every intent to be settled", || intents(store) == 0).unwrap();
}

/// Everything has settled: each reservation has its order, each order its reservation, and of each product, of which there were so
/// many, what is sold and what is left are all of it.
#[track_caller]
fn check_books(store: &Store, session: &Session, products: &[(u64, u64)]) {
    let sold = sold(store);
    assert_eq!(reserved(store), sold, "what is reserved, and what is sold");
    assert_eq!(sold.len() as i64, orders(store), "an order without a reservation");
    for &(product, initial) in products {
        let taken: u64 = sold.values().filter(|(of, _)| *of == product).map(|(_, quantity)| quantity).sum();
        let left = stock(session, product);
        assert_eq!(taken + left, initial, "product {product}: {taken} sold, {left} left");
    }
}

/// Numbers that look random, and are the same every time.
struct Numbers(u64);

impl Numbers {
    /// The next number below `bound` (Knuth's MMIX generator).
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

//! Intents that an instance of orders left behind when it died.

use contract_tests::{
    engine::{
        deployment::{Address, Deployment, SERVICES},
        session::Session,
    },
    harness::{
        address::Reserved,
        development::token,
        folders::new_folder,
        metrics::Metrics,
        postgres::{Database, Server},
        process::{Process, run_once},
        store::Store,
        waiting,
    },
};
use serde_json::json;

use crate::PROGRAM;

/// A migrated database of orders with an intent that an instance that is gone has opened so many seconds ago.
fn database_with_intent(server: &'static Server, seconds: u32) -> Database {
    let database = server.database("orders");
    let started = run_once(PROGRAM, "orders", &[("ORDERS_DATABASE_URL", &database.url())]);
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    database.session().execute(&format!(
        "INSERT INTO intent (key, product_id, quantity, state, owner, opened_at)
         VALUES ('lost', 1, 3, 'OPEN', 'gone', now() - interval '{seconds} seconds')"
    ));
    database
}

fn settings(database: &Database, others: &[(&str, &str)]) -> Vec<(String, String)> {
    let url = ("ORDERS_DATABASE_URL", &*database.url());
    others.iter().chain([&url]).map(|(variable, value)| ((*variable).into(), (*value).into())).collect()
}

fn left(database: &Database) -> i64 {
    database.session().number("SELECT count(*) FROM intent")
}

pub(crate) fn a_young_intent_of_a_crashed_instance_is_settled_once_it_is_old() {
    let (store, session) = Store::start_with_session(PROGRAM, &[]);
    let product = json!({ "name": "Reserved", "price": 1, "stock": 20 });
    session.expect(&session.request("products", "POST", "/products").json(&product), 201, None).unwrap();
    let reserve = session.request("products", "PUT", "/products/1/reservations/lost");
    session.expect(&reserve.json(&json!({ "quantity": 3 })), 201, None).unwrap();
    // It may be in flight for 21 seconds: at the start of the next instance, it is none of its own.
    let database = database_with_intent(Server::shared(), 12);
    let products = store.services[0].url();
    let others = [("PRODUCTS_URL", products), ("REQUEST_TIMEOUT", "1s"), ("RUST_LOG", "info")];
    let settings = settings(&database, &others);
    let folder = new_folder();
    let orders = Process::start(PROGRAM, "orders", folder.path(), &settings);
    assert_eq!(left(&database), 1, "it was settled too early");
    waiting::until("the intent to be settled", || left(&database) == 0).unwrap();
    // An instance says so when it starts with intents that it takes for abandoned.
    assert!(!orders.log().contains("that the last run left open"), "it was taken for an old one");
    let read = session.request("products", "GET", "/products/1");
    assert_eq!(session.expect(&read, 200, None).unwrap().json()["stock"], 20);
}

pub(crate) fn open_intents_stay_counted_while_the_database_is_away() {
    let server: &'static Server = Box::leak(Box::new(Server::start(&[])));
    let (database, folder, nobody) = (database_with_intent(server, 3600), new_folder(), Reserved::new());
    let nobody = format!("http://{}", nobody.text());
    let settings = settings(&database, &[("PRODUCTS_URL", &nobody), ("ORDERS_STOCK", "reserve")]);
    let orders = Process::start(PROGRAM, "orders", folder.path(), &settings);
    let address = |service: &&str| Address { url: orders.url().into(), token: token(service) };
    let session = Session::new(Deployment::new(SERVICES.iter().map(address)));
    let open = || Metrics::of(&session, "orders").unwrap().sum("intents_open", &[]);
    waiting::until("the intent to be counted", || open() == 1.0).unwrap();
    server.kill();
    // It has counted again before it says so.
    orders.wait_for_log("cause=\"no connection to the database");
    assert_eq!(open(), 1.0);
}

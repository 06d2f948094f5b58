//! A URL with several hosts.

use std::net::TcpListener;

use contract_tests::{
    engine::{
        deployment::{Address, Deployment, SERVICES},
        exchange::Request,
        session::Session,
    },
    harness::{development::token, folders::new_folder, postgres::Server, process::Process},
};
use serde_json::json;

use crate::{PROGRAM, relay::Relay};

/// Starts products with these hosts, and uses it.
#[track_caller]
fn works(hosts: &str, database: &str, rest: &str) {
    let folder = new_folder();
    let url = format!("postgres://postgres@{hosts}/{database}?{rest}");
    let settings =
        [("PRODUCTS_DATABASE_URL".to_owned(), url), ("DATABASE_CONNECT_TIMEOUT".to_owned(), "4s".to_owned())];
    let process = Process::start(PROGRAM, "products", folder.path(), &settings);
    let address = |service: &&str| Address { url: process.url().into(), token: token(service) };
    let session = Session::new(Deployment::new(SERVICES.iter().map(address)));
    session.expect(&Request::new("products", "GET", "/readyz"), 200, None).unwrap();
    let product = json!({ "name": "Computer", "price": 200, "stock": 20 });
    let create = session.request("products", "POST", "/products").json(&product);
    session.expect(&create, 201, None).unwrap();
    // Only the first connection had to find out which host to use.
    let hurried = create.header("X-Request-Timeout-Ms", "1500");
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..4).map(|_| scope.spawn(|| session.expect(&hurried, 201, None))).collect();
        calls.into_iter().for_each(|call| drop(call.join().unwrap().unwrap()));
    });
}

pub(crate) fn a_silent_host_leaves_time_for_the_next() {
    let server = Server::local();
    let (database, relay) = (server.database("products"), Relay::start(&server.socket().unwrap()));
    // It takes connections, as a machine that hangs, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let hosts = format!("{},127.0.0.1:{}", silent.local_addr().unwrap(), relay.port());
    works(&hosts, database.name(), "");
}

pub(crate) fn a_host_that_takes_no_writes_is_passed_over() {
    let (server, standby) =
        (Server::local(), &*Box::leak(Box::new(Server::start(&["default_transaction_read_only=on"]))));
    let database = server.database("products");
    let mut session = standby.session();
    session.execute("SET default_transaction_read_only = off");
    session.execute(&format!("CREATE DATABASE {}", database.name()));
    let [first, second] = [standby, server].map(|server| Relay::start(&server.socket().unwrap()).port());
    let hosts = format!("127.0.0.1:{first},127.0.0.1:{second}");
    works(&hosts, database.name(), "target_session_attrs=read-write");
}

//! Two instances of each service behind HAProxy, while one of them stops or dies.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    thread,
};

use contract_tests::{
    engine::{
        deployment::{SERVICES, variable},
        exchange::Request,
        replay::workflows,
        session::Session,
    },
    harness::{
        address::Reserved,
        folders::new_folder,
        postgres::{Database, Server},
        process::Process,
        waiting::{self, SetOnDrop},
    },
};
use serde_json::{Value, json};

use crate::{PROGRAM, proxy::Proxy};

/// How many purchases are made between two events.
const PURCHASES: usize = 20;

/// What callers do.
struct Load<'a> {
    session: &'a Session,
    is_over: AtomicBool,
    /// How many purchases were made.
    purchases: AtomicUsize,
    /// How many requests were not answered as they should be, and were sent again.
    failures: AtomicUsize,
}

impl Load<'_> {
    /// Creates a product, an order of it and a payment for that, and reads them, until it is over.
    fn buy(&self, caller: usize) {
        for number in 0.. {
            let key = format!("{caller}-{number}");
            let product = self.create("products", &key, &json!({ "name": key, "price": 1, "stock": 5 }));
            let order = self.create("orders", &key, &json!({ "product_id": product, "quantity": 1 }));
            self.create("payments", &key, &json!({ "order_id": order, "amount": 1, "method": key }));
            self.purchases.fetch_add(1, Relaxed);
            if self.is_over.load(Relaxed) {
                return;
            }
        }
    }

    /// Creates something, however often it has to be sent, and reads it. Returns its id.
    fn create(&self, service: &str, key: &str, body: &Value) -> Value {
        let create = self.session.request(service, "POST", format!("/{service}")).json(body);
        let create = create.header("Idempotency-Key", key);
        let mut created = None;
        let is_created = || {
            created = self.send(&create, 201);
            created.is_some()
        };
        waiting::until(&format!("{service} {key}"), is_created).unwrap();
        let created = created.unwrap();
        let id = &created["id"];
        let read = self.send(&self.session.request(service, "GET", format!("/{service}/{id}")), 200);
        assert!(read.is_none_or(|read| read == created), "{created}");
        id.clone()
    }

    /// The body of the response, if it has this status.
    fn send(&self, request: &Request, status: u16) -> Option<Value> {
        let response = match self.session.send(request) {
            Ok(response) if response.status == status => return Some(response.json()),
            Ok(response) => response.to_string(),
            Err(failure) => failure.to_string(),
        };
        self.failures.fetch_add(1, Relaxed);
        println!("{} {}: {response}", request.method, request.path);
        None
    }

    /// No caller has noticed anything, unless the machine is so busy that the probes of both instances failed.
    fn check(&self, proxy: &Proxy) {
        let (failures, log) = (self.failures.load(Relaxed), proxy.log());
        let is_without = log.contains("has no server available");
        assert!(failures == 0 || is_without, "{failures} requests failed");
    }

    fn wait_for_purchases(&self) {
        let enough = self.purchases.load(Relaxed) + PURCHASES;
        waiting::until("more purchases", || self.purchases.load(Relaxed) >= enough).unwrap();
    }
}

pub(crate) fn lose_one() {
    let ports: Vec<Reserved> = SERVICES.iter().map(|_| Reserved::new()).collect();
    let databases: Vec<_> = SERVICES.iter().map(|service| Server::shared().database(service)).collect();
    // Services meet behind HAProxy, too.
    let mut settings = vec![("STOP_DELAY".to_owned(), "3s".to_owned())];
    for ((service, database), port) in SERVICES.iter().zip(&databases).zip(&ports) {
        settings.push((variable(service, "DATABASE_URL"), database.url()));
        settings.push((variable(service, "URL"), port.url()));
    }
    let folders = [new_folder(), new_folder()];
    let mut instances: [Vec<Process>; 2] = folders.each_ref().map(|folder| {
        SERVICES.iter().map(|service| Process::start(PROGRAM, service, folder.path(), &settings)).collect()
    });
    let address = |process: &Process| process.url().trim_start_matches("http://").to_owned();
    let addresses: [Vec<String>; 2] =
        instances.each_ref().map(|processes| processes.iter().map(address).collect());
    let proxy = Proxy::in_front_of_two([&addresses[0], &addresses[1]], ports);
    let session = Session::new(proxy.deployment());
    for workflow in ["products", "orders", "payments", "purchase"] {
        let failed: Vec<_> =
            workflows::play(workflow, &session).into_iter().filter_map(|one| one.outcome.err()).collect();
        assert!(failed.is_empty(), "{workflow}: {failed:?}");
    }
    let rows = || {
        let count = |(database, table): (&Database, &str)| {
            database.session().number(&format!("SELECT count(*) FROM {table}"))
        };
        databases.iter().zip(["product", "purchase_order", "payment"]).map(count).collect()
    };
    let before: Vec<i64> = rows();

    let (is_over, purchases, failures) = Default::default();
    let load = &Load { session: &session, is_over, purchases, failures };
    thread::scope(|scope| {
        let _over = SetOnDrop(&load.is_over);
        (0..4).for_each(|caller| drop(scope.spawn(move || load.buy(caller))));
        for (index, processes) in instances.iter_mut().enumerate() {
            load.wait_for_purchases();
            processes.iter().for_each(|process| process.signal("TERM"));
            processes.iter_mut().for_each(|process| assert!(process.wait().success()));
            load.check(&proxy);
            load.wait_for_purchases();
            start_again(processes, index, &proxy);
        }
        for (index, processes) in instances.iter_mut().enumerate() {
            load.wait_for_purchases();
            processes.iter_mut().for_each(Process::kill);
            load.wait_for_purchases();
            load.check(&proxy);
            start_again(processes, index, &proxy);
        }
        load.wait_for_purchases();
    });
    let purchases = i64::try_from(load.purchases.load(Relaxed)).unwrap();
    let expected: Vec<i64> = before.iter().map(|before| before + purchases).collect();
    assert_eq!(rows(), expected, "each purchase is a product, an order and a payment");
    println!("{purchases} purchases, {} requests failed", load.failures.load(Relaxed));
}

/// Starts the instances with this index again, once HAProxy does without them, and waits until it uses them.
fn start_again(processes: &mut [Process], index: usize, proxy: &Proxy) {
    let suffix = ["", "-2"][index];
    let wait_until_all_are = |state: &str| {
        let is_so = |service: &&str| {
            let (log, server) = (proxy.log(), format!("Server {service}/{service}{suffix} is "));
            log.rsplit(&server).next().is_some_and(|last| last.starts_with(state))
        };
        waiting::until(&format!("instances that are {state}"), || SERVICES.iter().all(is_so)).unwrap();
    };
    wait_until_all_are("DOWN");
    processes.iter_mut().for_each(Process::start_again);
    wait_until_all_are("UP");
}

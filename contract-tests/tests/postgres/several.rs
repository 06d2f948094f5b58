//! Promises that hold for two instances as they do for one.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

use contract_tests::{
    engine::{
        contract::CONTRACT,
        exchange::Response,
        replay::{case, promises},
        session::Session,
    },
    harness::{
        folders::new_folder,
        postgres::Server,
        process::Process,
        waiting::{self, SetOnDrop},
    },
};
use serde_json::json;

use crate::{PROGRAM, contract, instances::Instances};

pub(crate) fn two_instances_pass_every_workflow_and_generated_case() {
    contract::replay(&Instances::start(&[]).session(), true);
}

pub(crate) fn every_property_of_the_stock_holds_at_two_instances() {
    contract::properties(&Instances::start(&[]).session());
}

/// Kills one instance after the other and starts it again, until `is_over`. True if each was killed.
fn kill_in_turn(instances: &mut Instances, is_over: &AtomicBool, in_mid_request: bool) -> bool {
    let mut kills = 0;
    while !is_over.load(Relaxed) {
        for service in &mut instances.services {
            let process = &mut service.processes[kills % 2];
            match in_mid_request {
                true => process.kill(),
                false => service.balancer.between_requests(|| process.kill()),
            }
            process.start_again();
        }
        kills += 1;
    }
    kills > 1
}

pub(crate) fn both_hold_while_instances_are_killed_and_restarted() {
    let mut instances = Instances::start(&[]);
    let session = instances.session();
    let is_over = AtomicBool::new(false);
    let was_killed = thread::scope(|scope| {
        let killer = scope.spawn(|| kill_in_turn(&mut instances, &is_over, false));
        {
            let _over = SetOnDrop(&is_over);
            contract::replay(&session, true);
            contract::properties(&session);
        }
        killer.join().unwrap()
    });
    assert!(was_killed, "the suite was over before the instances were killed");
}

pub(crate) fn killed_instances_lose_and_double_nothing() {
    const CALLERS: u64 = 6;
    const CREATES: u64 = 25;
    let mut instances = Instances::start(&[]);
    let session = instances.session();
    let is_over = AtomicBool::new(false);
    let was_killed = thread::scope(|scope| {
        let session = &session;
        let killer = scope.spawn(|| kill_in_turn(&mut instances, &is_over, true));
        {
            let _over = SetOnDrop(&is_over);
            let call = |caller| move || (0..CREATES).for_each(|number| create(session, caller, number));
            let callers: Vec<_> = (0..CALLERS).map(|caller| scope.spawn(call(caller))).collect();
            callers.into_iter().for_each(|caller| caller.join().unwrap());
        }
        killer.join().unwrap()
    });
    assert!(was_killed, "the callers were done before the instances were killed");
    let expected = i64::try_from(CALLERS * CREATES).unwrap();
    for (service, table) in instances.services.iter().zip(["product", "purchase_order", "payment"]) {
        assert_eq!(service.count(table), expected, "{table}");
    }
}

/// Creates a product, an order of it and a payment for that, however often each has to be sent.
fn create(session: &Session, caller: u64, number: u64) {
    let key = format!("{caller}-{number}");
    let send = |service, body| {
        let request = session
            .request(service, "POST", format!("/{service}"))
            .json(&body)
            .header("Idempotency-Key", &key);
        let mut id = 0;
        let is_created = || {
            let response = match session.exchange(&request) {
                // The balancer says so of an instance that was killed.
                Ok(response) if response.status == 502 => return false,
                Ok(response) => response,
                Err(failure) if failure.is_silence => return false,
                Err(failure) => panic!("{failure}"),
            };
            session.observe(&request, &response).unwrap_or_else(|failure| panic!("{failure}"));
            // A service that was killed may be the one that another calls.
            assert!([201, 400, 409, 500, 503].contains(&response.status), "{response}");
            if response.status == 201 {
                id = response.json()["id"].as_u64().expect("an id");
            }
            response.status == 201
        };
        waiting::until(&format!("{service} {key}"), is_created).unwrap();
        id
    };
    let product = send("products", json!({ "name": key, "price": 1, "stock": 5 }));
    let order = send("orders", json!({ "product_id": product, "quantity": 1 }));
    send("payments", json!({ "order_id": order, "amount": 1, "method": "card" }));
}

pub(crate) fn one_key_at_two_instances_at_once_creates_one_row() {
    const ROUNDS: i64 = 20;
    let instances = Instances::start(&[]);
    let sessions = [instances.session_with(0), instances.session_with(1)];
    let operations = CONTRACT.operations().filter(|operation| operation.accepts_key);
    for (operation, (service, table)) in
        operations.zip(instances.services.iter().zip(["product", "purchase_order", "payment"]))
    {
        let request = case::valid_request(operation, &sessions[0].deployment);
        let others = promises::with_other_bodies(&sessions[0], &request, 2).unwrap();
        let before = service.count(table);
        for round in 0..ROUNDS {
            let send = |caller: usize| {
                let (session, key) = (&sessions[caller % 2], format!("shared-{round}"));
                // Half of the rounds have callers with another body.
                let body = if round % 2 == 0 { &others[0] } else { &others[caller / 2 % 2] };
                session.send(&body.clone().header("Idempotency-Key", &key)).unwrap()
            };
            let responses: Vec<Response> = thread::scope(|scope| {
                let callers: Vec<_> = (0..8).map(|caller| scope.spawn(move || send(caller))).collect();
                callers.into_iter().map(|caller| caller.join().unwrap()).collect()
            });
            let created: Vec<_> = responses.iter().filter(|response| response.status == 201).collect();
            assert!(!created.is_empty(), "{responses:?}");
            assert!(created.iter().all(|response| response.body == created[0].body), "{created:?}");
            let first = created.iter().filter(|response| response.header("Idempotency-Replayed").is_none());
            assert_eq!(first.count(), 1, "{created:?}");
            let documented = if round % 2 == 0 { &[201, 409][..] } else { &[201, 409, 422] };
            assert!(responses.iter().all(|response| documented.contains(&response.status)), "{responses:?}");
        }
        assert_eq!(service.count(table), before + ROUNDS, "{}", operation.id);
    }
}

pub(crate) fn a_replaced_product_is_read_as_replaced_at_once() {
    let instances = Instances::start(&[]);
    let sessions = [instances.session_with(0), instances.session_with(1)];
    let product = json!({ "name": "Replaced", "price": 1, "stock": 0 });
    let create = sessions[0].request("products", "POST", "/products").json(&product);
    let path = sessions[0].expect(&create, 201, None).unwrap().header("Location").unwrap().to_owned();
    for stock in 1..100 {
        let (writer, reader) = (&sessions[stock % 2], &sessions[(stock + 1) % 2]);
        let product = json!({ "name": "Replaced", "price": 1, "stock": stock });
        let replaced =
            writer.expect(&writer.request("products", "PUT", &path).json(&product), 200, None).unwrap();
        let read = reader.expect(&reader.request("products", "GET", &path), 200, None).unwrap();
        assert_eq!(read.body, replaced.body);
        assert_eq!(read.header("ETag"), replaced.header("ETag"));
    }
}

pub(crate) fn orders_with_reservations_at_two_instances_sell_nothing_twice() {
    const STOCK: i64 = 40;
    let mut instances = Instances::start(&[("ORDERS_STOCK", "reserve")]);
    let session = instances.session();
    let product = json!({ "name": "Scarce", "price": 1, "stock": STOCK });
    let create = session.request("products", "POST", "/products").json(&product);
    let id = session.expect(&create, 201, None).unwrap().json()["id"].as_u64().unwrap();
    let order =
        session.request("orders", "POST", "/orders").json(&json!({ "product_id": id, "quantity": 3 }));
    let created: i64 = thread::scope(|scope| {
        let call = || (0..6).filter(|_| session.send(&order).unwrap().status == 201).count() as i64;
        let callers: Vec<_> = (0..6).map(|_| scope.spawn(call)).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    assert_eq!(created, STOCK / 3);
    let orders = instances.service("orders");
    waiting::until("the intents to be settled", || orders.count("intent") == 0).unwrap();
    assert_eq!((orders.count("purchase_order"), orders.count("order_reservation")), (created, created));
    let mut products = instances.service("products").database.session();
    assert_eq!(products.number("SELECT stock FROM product"), STOCK - 3 * created);
    let held = "SELECT sum(quantity)::bigint FROM reservation WHERE status = 'HELD'";
    assert_eq!(products.number(held), 3 * created);
}

pub(crate) fn migrations_run_once_when_many_instances_start_at_once() {
    for _ in 0..3 {
        let database = Server::shared().database("orders");
        let settings = vec![("ORDERS_DATABASE_URL".to_owned(), database.url())];
        let logs: Vec<String> = thread::scope(|scope| {
            let start = || {
                let folder = new_folder();
                Process::start(PROGRAM, "orders", folder.path(), &settings).whole_log()
            };
            let starts: Vec<_> = (0..6).map(|_| scope.spawn(start)).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        let migrated = logs.iter().filter(|log| log.contains("migrated the database")).count();
        assert_eq!(migrated, 1, "{}", logs.join("\n"));
        assert_eq!(database.session().number("SELECT version FROM schema_version"), 4);
    }
}

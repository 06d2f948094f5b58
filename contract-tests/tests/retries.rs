//! Creating once, however often it is asked: races, crashes, and keys that grow old:
//! `cargo test -p contract-tests --test retries`.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]

use std::thread;

use contract_tests::{
    contract::{CONTRACT, Operation},
    exchange::{Answer, Request},
    replay::{shared, situations},
    session::{self, Session},
    store::Store,
};
use rusqlite::Connection;

/// How many callers send the same request at once.
const CALLERS: usize = 32;

fn start() -> (Store, Session) {
    let (store, session) = session::start(env!("CARGO_BIN_EXE_store-under-test"), &[]);
    situations::prepare(&session).unwrap();
    (store, session)
}

fn creating_operations() -> impl Iterator<Item = &'static Operation> {
    CONTRACT.operations().filter(|operation| operation.takes_key)
}

fn create(operation: &Operation, session: &Session, key: &str) -> Request {
    shared::valid_request(operation, &session.deployment).header("Idempotency-Key", key)
}

fn kept(connection: &Connection) -> i64 {
    connection.query_row("SELECT count(*) FROM stored_response", [], |row| row.get(0)).unwrap()
}

#[test]
fn many_equal_requests_at_once_create_one_row_and_get_one_answer() {
    let (store, session) = start();
    for operation in creating_operations() {
        for round in 0..5 {
            let before = store.rows(operation.service);
            let request = create(operation, &session, &format!("race-{round}"));
            let answers: Vec<Answer> = thread::scope(|scope| {
                let callers: Vec<_> =
                    (0..CALLERS).map(|_| scope.spawn(|| session.send(&request).unwrap())).collect();
                callers.into_iter().map(|caller| caller.join().unwrap()).collect()
            });
            let (created, refused): (Vec<_>, Vec<_>) =
                answers.iter().partition(|answer| answer.status == 201);
            assert!(!created.is_empty(), "{} {round}", operation.id);
            assert!(created.iter().all(|answer| answer.body == created[0].body), "{created:?}");
            assert!(refused.iter().all(|answer| answer.status == 409), "{refused:?}");
            assert_eq!(store.rows(operation.service), before + 1, "{} {round}", operation.id);
        }
    }
}

#[test]
fn an_answer_is_kept_when_the_service_is_killed() {
    let (mut store, session) = start();
    for operation in creating_operations() {
        let request = create(operation, &session, "before-the-end");
        let first = session.expect(&request, 201, None).unwrap();
        store.service(operation.service).kill();
        store.service(operation.service).start_again();
        let again = session.expect(&request, 201, None).unwrap();
        assert_eq!(again.body, first.body);
        assert_eq!(again.header("Location"), first.header("Location"));
    }
}

#[test]
fn the_same_request_may_be_written_in_another_way() {
    let (_store, session) = start();
    let request = |body: &str| {
        session
            .request("products", "POST", "/products")
            .raw_json(body)
            .header("Idempotency-Key", "another-way")
    };
    let first = session.expect(&request(r#"{"name":"Computer","price":200,"stock":20}"#), 201, None).unwrap();
    let again = session
        .expect(&request(r#"{ "stock": 2e1, "name": "Computer", "price": 200.0 }"#), 201, None)
        .unwrap();
    assert_eq!(again.body, first.body);
}

#[test]
fn what_was_refused_is_not_kept() {
    let (_store, session) = start();
    for body in
        [r#"{"product_id":1}"#, r#"{"product_id":1,"quantity":0}"#, r#"{"product_id":1,"quantity":21}"#]
    {
        let request = session.request("orders", "POST", "/orders").header("Idempotency-Key", "refused");
        assert_eq!(session.send(&request.raw_json(body)).unwrap().status, 400);
    }
    let request = session.request("orders", "POST", "/orders").header("Idempotency-Key", "refused");
    session.expect(&request.raw_json(r#"{"product_id":1,"quantity":2}"#), 201, None).unwrap();
}

#[test]
fn a_stranger_learns_nothing_of_a_key() {
    let (_store, session) = start();
    for operation in creating_operations() {
        let request = create(operation, &session, "secret");
        session.expect(&request, 201, None).unwrap();
        session.expect(&request.token("not-the-token"), 401, Some("Unauthorized")).unwrap();
    }
}

#[test]
fn old_answers_are_forgotten_and_young_ones_are_not() {
    let (store, session) = start();
    for operation in creating_operations() {
        for key in 0..10 {
            session.expect(&create(operation, &session, &format!("key-{key}")), 201, None).unwrap();
        }
        let connection = Connection::open(store.database(operation.service)).unwrap();
        assert_eq!(kept(&connection), 10);
        // Eight of them are older than the day for which answers are kept at least.
        connection
            .execute("UPDATE stored_response SET stored_at = stored_at - 90000 WHERE key < 'key-8'", [])
            .unwrap();
        for key in 0..3 {
            session.expect(&create(operation, &session, &format!("new-{key}")), 201, None).unwrap();
        }
        assert_eq!(kept(&connection), 5, "{}: two young ones and three new ones", operation.id);
        let first = session.expect(&create(operation, &session, "key-9"), 201, None).unwrap();
        assert_eq!(
            session.expect(&create(operation, &session, "key-9"), 201, None).unwrap().body,
            first.body
        );
    }
}

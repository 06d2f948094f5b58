//! Creates with an idempotency key are done once: races, crashes, and keys that expire.

use std::thread;

use contract_tests::{
    engine::{
        contract::{CONTRACT, Operation},
        deployment::SERVICES,
        exchange::{Request, Response},
        replay::{case, promises},
        session::Session,
    },
    harness::waiting,
};
use rusqlite::Connection;

use crate::start;

/// How many callers send the same request at once.
const CALLERS: usize = 32;

fn creating_operations() -> impl Iterator<Item = &'static Operation> {
    CONTRACT.operations().filter(|operation| operation.accepts_key)
}

fn create(operation: &Operation, session: &Session, key: &str) -> Request {
    case::valid_request(operation, &session.deployment).header("Idempotency-Key", key)
}

fn kept(connection: &Connection) -> i64 {
    connection.query_row("SELECT count(*) FROM stored_response", [], |row| row.get(0)).unwrap()
}

#[test]
fn many_equal_requests_at_once_create_one_row_and_get_one_response() {
    let (store, session) = start(&[]);
    for operation in creating_operations() {
        for round in 0..5 {
            let before = store.rows(operation.service);
            let request = create(operation, &session, &format!("race-{round}"));
            let responses: Vec<Response> = thread::scope(|scope| {
                let callers: Vec<_> =
                    (0..CALLERS).map(|_| scope.spawn(|| session.send(&request).unwrap())).collect();
                callers.into_iter().map(|caller| caller.join().unwrap()).collect()
            });
            let (created, refused): (Vec<_>, Vec<_>) =
                responses.iter().partition(|response| response.status == 201);
            assert!(!created.is_empty(), "{} {round}", operation.id);
            assert!(created.iter().all(|response| response.body == created[0].body), "{created:?}");
            let first = created.iter().filter(|response| response.header("Idempotency-Replayed").is_none());
            assert_eq!(first.count(), 1, "{created:?}");
            assert!(refused.iter().all(|response| response.status == 409), "{refused:?}");
            assert_eq!(store.rows(operation.service), before + 1, "{} {round}", operation.id);
        }
    }
}

#[test]
fn different_bodies_under_one_key_create_one_row_and_no_error() {
    let (store, session) = start(&[]);
    for operation in creating_operations() {
        // Each asks for something else, and all of it is valid.
        let bodies =
            promises::with_other_bodies(&session, &create(operation, &session, "bodies"), 6).unwrap();
        let before = store.rows(operation.service);
        const ROUNDS: i64 = 150;
        for round in 0..ROUNDS {
            let key = format!("bodies-{round}");
            let statuses: Vec<u16> = thread::scope(|scope| {
                let callers: Vec<_> = bodies
                    .iter()
                    .map(|request| {
                        let request = request.clone().header("Idempotency-Key", &key);
                        let session = &session;
                        scope.spawn(move || session.send(&request).unwrap().status)
                    })
                    .collect();
                callers.into_iter().map(|caller| caller.join().unwrap()).collect()
            });
            assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
            assert!(statuses.iter().all(|status| [201, 409, 422].contains(status)), "{statuses:?}");
        }
        assert_eq!(store.rows(operation.service), before + ROUNDS, "{}", operation.id);
    }
}

#[test]
fn a_replayed_response_has_a_header() {
    let (_store, session) = start(&[]);
    for operation in creating_operations() {
        let request = create(operation, &session, "replayed");
        let first = session.expect(&request, 201, None).unwrap();
        assert_eq!(first.header("Idempotency-Replayed"), None);
        let again = session.expect(&request, 201, None).unwrap();
        assert_eq!(again.header("Idempotency-Replayed"), Some("true"));
    }
}

#[test]
fn responses_of_an_older_version_are_replayed() {
    let (mut store, session) = start(&[]);
    for operation in creating_operations() {
        let request = create(operation, &session, "older");
        let first = session.expect(&request, 201, None).unwrap();
        store.service(operation.service).stop();
        let connection = Connection::open(store.database(operation.service)).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE idempotency (key TEXT PRIMARY KEY, request TEXT NOT NULL, location TEXT NOT NULL,
                     answer BLOB NOT NULL, kept_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
                 CREATE INDEX idempotency_kept_at ON idempotency (kept_at);
                 INSERT INTO idempotency SELECT key, request, location, body, 1700000000 FROM stored_response;
                 DROP TABLE stored_response;
                 DROP TABLE generation;
                 DROP TABLE IF EXISTS reservation;
                 DROP TABLE IF EXISTS intent;
                 DROP TABLE IF EXISTS order_reservation;
                 PRAGMA user_version = 2;",
            )
            .unwrap();
        drop(connection);
        store.service(operation.service).start_again();
        let again = session.expect(&request, 201, None).unwrap();
        assert_eq!((&again.body, again.header("Idempotency-Replayed")), (&first.body, Some("true")));
    }
}

#[test]
fn changing_the_clock_does_not_age_a_key() {
    let (mut store, session) = start(&[]);
    for operation in creating_operations() {
        session.expect(&create(operation, &session, "first"), 201, None).unwrap();
        store.service(operation.service).stop();
        store.service(operation.service).start_again();
        session.expect(&create(operation, &session, "second"), 201, None).unwrap();
        let connection = Connection::open(store.database(operation.service)).unwrap();
        let oldest = "SELECT max(stored_at) FROM stored_response";
        let seconds: i64 = connection.query_row(oldest, [], |row| row.get(0)).unwrap();
        assert!(seconds < 3600, "{}: the service has not run for {seconds} s", operation.id);
    }
}

#[test]
fn a_stored_response_survives_a_kill() {
    let (mut store, session) = start(&[]);
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
fn a_stored_response_is_replayed_while_the_other_services_are_gone() {
    let (mut store, session) = start(&[]);
    for operation in creating_operations() {
        let request = create(operation, &session, "alone");
        let first = session.expect(&request, 201, None).unwrap();
        let others: Vec<_> = SERVICES.iter().filter(|service| **service != operation.service).collect();
        for service in &others {
            store.service(service).stop();
        }
        let again = session.expect(&request, 201, None).unwrap();
        assert_eq!((&again.body, again.header("Idempotency-Replayed")), (&first.body, Some("true")));
        for service in &others {
            store.service(service).start_again();
        }
    }
}

#[test]
fn the_same_request_may_be_written_in_another_way() {
    let (_store, session) = start(&[]);
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
fn an_error_response_is_not_stored() {
    let (_store, session) = start(&[]);
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
fn an_unauthenticated_caller_learns_nothing_of_a_key() {
    let (_store, session) = start(&[]);
    for operation in creating_operations() {
        let request = create(operation, &session, "secret");
        session.expect(&request, 201, None).unwrap();
        session.expect(&request.token("not-the-token"), 401, Some("Unauthorized")).unwrap();
    }
}

#[test]
fn only_old_responses_are_forgotten() {
    let (store, session) = start(&[]);
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

#[test]
fn a_response_is_forgotten_when_its_time_is_over() {
    let (store, session) = start(&[("KEY_LIFETIME", "1s")]);
    for operation in creating_operations() {
        session.expect(&create(operation, &session, "first"), 201, None).unwrap();
        let connection = Connection::open(store.database(operation.service)).unwrap();
        let mut keys = 0..;
        // Old ones are deleted when another one is stored.
        let is_forgotten = || {
            let key = format!("next-{}", keys.next().unwrap());
            session.expect(&create(operation, &session, &key), 201, None).unwrap();
            let first = "SELECT count(*) FROM stored_response WHERE key = 'first'";
            connection.query_row(first, [], |row| row.get::<_, i64>(0)).unwrap() == 0
        };
        waiting::until("the first response to be forgotten", is_forgotten).unwrap();
    }
}

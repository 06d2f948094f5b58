//! Queries that share a statement: none of them suffers from another.

use std::{thread, time::Duration};

use contract_tests::{
    engine::{
        exchange::{Request, Response},
        session::Session,
    },
    harness::{caller::SOON, metrics::Metrics, postgres, store::Store, waiting},
};
use serde_json::json;
use socket2::SockRef;

use crate::{PROGRAM, failures::behind_relay};

/// How many statements of a group are in flight before others are collected.
const LANES: usize = 2;

/// How many callers there are whose queries are collected.
const CALLERS: usize = 12;

/// Makes the insertion of a product called "slow" wait for a lock, and that of one called "refused" fail.
const TRIGGER: &str = "
    CREATE FUNCTION by_name() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.name = 'refused' THEN RAISE EXCEPTION 'refused' USING ERRCODE = '23514'; END IF;
        IF NEW.name = 'slow' THEN PERFORM pg_advisory_xact_lock(1); END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER by_name BEFORE INSERT ON product FOR EACH ROW EXECUTE FUNCTION by_name()";

/// How many statements of the service wait for a lock.
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                       AND application_name = 'products' AND wait_event_type = 'Lock'";

/// With these settings, the slow ones have all connections, so no other statement begins before they end.
const TWO_CONNECTIONS: [(&str, &str); 4] = [
    ("DATABASE_POOL_SIZE", "2"),
    ("DATABASE_CONNECT_TIMEOUT", "60s"),
    ("DATABASE_STATEMENT_TIMEOUT", "60s"),
    ("REQUEST_TIMEOUT", "60s"),
];

fn create(session: &Session, name: &str) -> Request {
    session.request("products", "POST", "/products").json(&json!({ "name": name, "price": 1, "stock": 1 }))
}

/// Sends `requests` at once while as many slow ones as there are lanes wait, which end after the responses to `requests`, and runs
/// `meanwhile`. Returns these responses.
fn collected(
    session: &Session,
    database: &postgres::Database,
    requests: &[Request],
    meanwhile: impl FnOnce(),
) -> Vec<Response> {
    let (mut holder, mut watcher) = (database.session(), database.session());
    holder.execute("SELECT pg_advisory_lock(1)");
    thread::scope(|scope| {
        let slow: Vec<_> = (0..LANES)
            .map(|_| scope.spawn(|| session.expect(&create(session, "slow"), 201, None).unwrap()))
            .collect();
        waiting::until("the slow ones to wait", || watcher.number(WAITING) == LANES as i64).unwrap();
        let callers: Vec<_> =
            requests.iter().map(|request| scope.spawn(|| session.send(request).unwrap())).collect();
        meanwhile();
        let responses = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
        holder.execute("SELECT pg_advisory_unlock(1)");
        slow.into_iter().for_each(|slow| drop(slow.join().unwrap()));
        responses
    })
}

fn statuses(responses: &[Response]) -> Vec<u16> {
    responses.iter().map(|response| response.status).collect()
}

pub(crate) fn each_caller_gets_its_own_row() {
    const ROUNDS: usize = 40;
    let store = Store::on_postgres(PROGRAM, &[]);
    let session = Session::new(store.deployment());
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let session = &session;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let name = format!("{caller}-{round}");
                    let created = session.expect(&create(session, &name), 201, None).unwrap();
                    assert_eq!(created.json()["name"], name.as_str());
                    let path = created.header("Location").unwrap();
                    let read = session.request("products", "GET", path);
                    assert_eq!(session.expect(&read, 200, None).unwrap().body, created.body);
                }
            });
        }
    });
    assert_eq!(store.rows("products"), (CALLERS * ROUNDS) as i64);
}

pub(crate) fn a_refused_write_does_not_fail_others() {
    let store = Store::on_postgres(PROGRAM, &[("RUST_LOG", "info,chassis=debug")]);
    let session = Session::new(store.deployment());
    let database = store.postgres("products").unwrap();
    database.session().execute(TRIGGER);
    let mut requests: Vec<_> =
        (1..CALLERS).map(|number| create(&session, &format!("fine-{number}"))).collect();
    requests.push(create(&session, "refused"));
    let responses = collected(&session, database, &requests, || {});
    assert_eq!(statuses(&responses), [vec![201; CALLERS - 1], vec![500]].concat());
    // That they were together.
    store.services[0].wait_for_log("the members of a batch run alone");
    assert_eq!(store.rows("products"), (CALLERS - 1 + LANES) as i64);
}

pub(crate) fn a_deadline_that_passes_does_not_fail_others() {
    let settings = [("REQUEST_TIMEOUT", "60s"), ("DATABASE_STATEMENT_TIMEOUT", "60s")];
    let store = Store::on_postgres(PROGRAM, &settings);
    let session = Session::new(store.deployment());
    let database = store.postgres("products").unwrap();
    database.session().execute(TRIGGER);
    // The batch waits with this one.
    let mut requests = vec![create(&session, "slow").header("X-Request-Timeout-Ms", "2000")];
    requests.extend((1..CALLERS).map(|number| create(&session, &format!("fine-{number}"))));
    let responses = collected(&session, database, &requests, || {});
    assert_eq!(statuses(&responses), [vec![503], vec![201; CALLERS - 1]].concat());
    assert_eq!(store.rows("products"), (CALLERS - 1 + LANES) as i64);
}

pub(crate) fn a_write_whose_deadline_passes_while_it_is_collected_is_not_done() {
    let store = Store::on_postgres(PROGRAM, &TWO_CONNECTIONS);
    let session = Session::new(store.deployment());
    let database = store.postgres("products").unwrap();
    database.session().execute(TRIGGER);
    let requests: Vec<_> = (0..CALLERS)
        .map(|number| create(&session, &format!("hurried-{number}")).header("X-Request-Timeout-Ms", "20"))
        .collect();
    let responses = collected(&session, database, &requests, || {});
    assert_eq!(statuses(&responses), [503; CALLERS]);
    session.expect(&create(&session, "last"), 201, None).unwrap();
    assert_eq!(store.rows("products"), LANES as i64 + 1);
}

pub(crate) fn a_write_whose_caller_hangs_up_while_it_is_collected_is_not_done() {
    let store = Store::on_postgres(PROGRAM, &TWO_CONNECTIONS);
    let session = Session::new(store.deployment());
    let database = store.postgres("products").unwrap();
    let (mut holder, mut watcher) = (database.session(), database.session());
    holder.execute(TRIGGER);
    holder.execute("SELECT pg_advisory_lock(1)");
    let in_flight =
        || Metrics::of(&session, "products").unwrap().sum("http_server_active_requests", &[]) as usize - 1;
    thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| session.expect(&create(&session, "slow"), 201, None).unwrap());
        }
        waiting::until("the slow ones to wait", || watcher.number(WAITING) == LANES as i64).unwrap();
        let callers: Vec<_> = (0..CALLERS).map(|_| session.begin(&create(&session, "gone"))).collect();
        waiting::until("all requests to be in flight", || in_flight() == LANES + CALLERS).unwrap();
        for caller in callers {
            SockRef::from(caller.socket()).set_linger(Some(Duration::ZERO)).unwrap();
        }
        waiting::until("the service to notice", || in_flight() == LANES).unwrap();
        holder.execute("SELECT pg_advisory_unlock(1)");
    });
    session.expect(&create(&session, "last"), 201, None).unwrap();
    assert_eq!(store.rows("products"), LANES as i64 + 1);
}

pub(crate) fn those_that_wait_for_a_connection_in_vain_are_503_each() {
    let mut settings = TWO_CONNECTIONS.to_vec();
    settings.push(("DATABASE_CONNECT_TIMEOUT", "1s"));
    let mut store = Store::on_postgres(PROGRAM, &settings);
    let session = Session::new(store.deployment());
    let database = store.postgres("products").unwrap();
    database.session().execute(TRIGGER);
    // A caller for each lane, or several.
    for callers in [LANES, CALLERS] {
        let requests = vec![session.request("products", "GET", "/products/1"); callers];
        let responses = collected(&session, database, &requests, || {});
        assert_eq!(statuses(&responses), vec![503; callers]);
    }
    session.expect(&session.request("products", "GET", "/products/1"), 200, None).unwrap();
    assert!(!store.service("products").log().contains("panicked"), "a lane is lost");
}

pub(crate) fn a_lost_response_to_the_commit_of_many_is_a_500_for_each() {
    let (relay, database, process, session, _folder) = behind_relay();
    let mut watcher = database.session();
    watcher.execute(TRIGGER);
    let requests: Vec<_> =
        (0..CALLERS).map(|number| create(&session, &format!("unknown-{number}"))).collect();
    let (sent, cut) = relay.swallow_the_response_to("COMMIT");
    let mut lost = 0;
    let responses = collected(&session, &database, &requests, || {
        sent.recv_timeout(SOON).unwrap();
        let unknown = "SELECT count(*) FROM product WHERE name LIKE 'unknown-%'";
        waiting::until("the commit", || watcher.number(unknown) > 1).unwrap();
        lost = watcher.number(unknown);
        cut.send(()).unwrap();
    });
    let unknown = responses.iter().filter(|response| response.status == 500).count();
    assert!(unknown > 1 && unknown as i64 <= lost, "{:?}, {lost} were stored", statuses(&responses));
    assert!(
        responses.iter().all(|response| [201, 500].contains(&response.status)),
        "{:?}",
        statuses(&responses)
    );
    process.wait_for_log("it is not known whether the transaction was committed");
    // None was stored twice, and none is missing.
    let all = (CALLERS + LANES) as i64;
    assert_eq!(watcher.number("SELECT count(*) FROM product"), all);
}

pub(crate) fn a_commit_of_many_without_a_response_is_a_500_for_each_at_its_deadline() {
    let (relay, database, process, session, _folder) = behind_relay();
    database.session().execute(TRIGGER);
    let late = |number| create(&session, &format!("late-{number}")).header("X-Request-Timeout-Ms", "3000");
    let requests: Vec<_> = (0..CALLERS).map(late).collect();
    let (_sent, _cut) = relay.swallow_the_response_to("COMMIT");
    let statuses = statuses(&collected(&session, &database, &requests, || {}));
    let unknown = statuses.iter().filter(|status| **status == 500).count();
    assert!(unknown > 1 && statuses.iter().all(|status| [201, 500].contains(status)), "{statuses:?}");
    process.wait_for_log("the deadline of the request was over");
}

pub(crate) fn a_spoilt_row_does_not_fail_the_reads_of_others() {
    let store = Store::on_postgres(PROGRAM, &[]);
    let session = Session::new(store.deployment());
    for number in 0..3 {
        session.expect(&create(&session, &format!("{number}")), 201, None).unwrap();
    }
    let database = store.postgres("products").unwrap();
    let (mut holder, mut watcher) = (database.session(), database.session());
    holder.execute(
        "ALTER TABLE product DROP CONSTRAINT product_stock_check; UPDATE product SET stock = -1 WHERE id = 2",
    );
    holder.execute("BEGIN; LOCK TABLE product IN ACCESS EXCLUSIVE MODE");
    let get = |id: usize| session.request("products", "GET", format!("/products/{id}"));
    let requests: Vec<_> = (0..CALLERS).map(|number| get(number % 4 + 1)).collect();
    let responses: Vec<Response> = thread::scope(|scope| {
        let mut callers = Vec::new();
        for request in &requests {
            callers.push(scope.spawn(|| session.send(request).unwrap()));
            // The first ones run at once, and one statement runs for all others.
            let running = callers.len().min(LANES) as i64;
            waiting::until("the first reads to wait", || watcher.number(WAITING) >= running).unwrap();
        }
        waiting::until("a statement for many", || watcher.number(WAITING) > LANES as i64).unwrap();
        holder.execute("ROLLBACK");
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    let expected: Vec<u16> = (0..CALLERS).map(|number| [200, 500, 200, 404][number % 4]).collect();
    assert_eq!(statuses(&responses), expected);
}

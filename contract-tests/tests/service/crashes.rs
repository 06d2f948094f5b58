//! No acknowledged write is lost: kills under load, full disks, locked and vanished files.

use std::{
    collections::BTreeMap,
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use contract_tests::{
    engine::{deployment::SERVICES, exchange::Request, replay::case::create, session::Session},
    harness::{store::Store, waiting},
};
use rusqlite::Connection;
use serde_json::Value;

use crate::{QUIET, start};

/// What was acknowledged: service and id, with what was answered.
type Acknowledged = BTreeMap<(&'static str, u64), Value>;

/// Creates things of all kinds at once until the services are gone, which is after `enough` acknowledgements.
fn load_until_killed(store: &mut Store, session: &Session, enough: usize) -> Acknowledged {
    let count = AtomicUsize::new(0);
    thread::scope(|scope| {
        let callers: Vec<_> = SERVICES
            .iter()
            .flat_map(|service| [*service; 3])
            .map(|service| {
                let count = &count;
                let request = create(session, service);
                scope.spawn(move || {
                    let mut acknowledged = Vec::new();
                    while let Ok(response) = session.send(&request) {
                        // The end of another service is not a reason to stop, but that of its own is.
                        if response.status == 201 {
                            acknowledged.push(((service, response.id()), response.json()));
                            count.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    acknowledged
                })
            })
            .collect();
        let what = format!("{enough} acknowledged writes");
        let waited = waiting::until(&what, || count.load(Ordering::Relaxed) >= enough);
        // From the last to the first, so that each dies with requests of its own in flight.
        SERVICES.iter().rev().for_each(|service| store.service(service).kill());
        let acknowledged = callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
        waited.unwrap();
        acknowledged
    })
}

#[test]
fn no_acknowledged_write_is_lost_when_services_are_killed_under_load() {
    let rounds = contract_tests::harness::environment::number("CRASH_ROUNDS", 5);
    let (mut store, session) = start(&QUIET);
    let mut all = Acknowledged::new();
    for round in 0..rounds {
        let acknowledged = load_until_killed(&mut store, &session, 300);
        for &service in SERVICES.iter() {
            store.service(service).start_again();
            let connection = Connection::open(store.database(service)).unwrap();
            let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!(check, "ok", "{service} after round {round}");
        }
        for ((service, id), response) in &acknowledged {
            let read = session.request(service, "GET", format!("/{service}/{id}"));
            assert_eq!(&session.expect(&read, 200, None).unwrap().json(), response, "{service} {id}");
        }
        let before = all.len() + acknowledged.len();
        all.extend(acknowledged);
        assert_eq!(all.len(), before, "an id was given twice, by round {round}");
    }
    // All of them once more, since a later crash could have taken what an earlier one left.
    for ((service, id), response) in &all {
        let read = session.request(service, "GET", format!("/{service}/{id}"));
        assert_eq!(&session.expect(&read, 200, None).unwrap().json(), response, "{service} {id}");
    }
    println!("{rounds} kills of all services, {} acknowledged writes: none lost", all.len());
}

#[test]
fn a_disk_that_is_full_loses_nothing_and_recovers() {
    let (mut store, session) = start(&[("RUST_LOG", "warn,chassis::server::readiness=info")]);
    for &service in SERVICES.iter() {
        store.service(service).limit_file_size("200000");
        let request = create(&session, service);
        let mut acknowledged = Vec::new();
        let refused = loop {
            let response = session.send(&request).unwrap();
            match response.status {
                201 => acknowledged.push(response),
                _ => break response,
            }
            assert!(acknowledged.len() < 10_000, "the disk of {service} is never full");
        };
        assert_eq!((refused.status, refused.error().as_deref()), (500, Some("Internal error")));
        session.expect(&request, 500, None).unwrap();
        let ready = Request::new(service, "GET", "/readyz");
        // A probe may be small enough for what is left of the disk, until it is used up.
        let is_unready = || {
            session.expect(&request, 500, None).unwrap();
            session.send(&ready).unwrap().status == 503
        };
        waiting::until("readyz to fail", is_unready).unwrap();
        store.service(service).wait_for_log("not ready cause=");
        store.service(service).limit_file_size("1");
        for _ in 0..50 {
            session.expect(&ready, 503, Some("Service unavailable")).unwrap();
        }
        // What is there can still be read.
        for response in acknowledged.iter().rev().take(50) {
            let read = session.request(service, "GET", format!("/{service}/{}", response.id()));
            assert_eq!(session.expect(&read, 200, None).unwrap().body, response.body);
        }
        store.service(service).limit_file_size("unlimited");
        // Nothing has to be written for it.
        waiting::until("it to be ready again", || session.send(&ready).unwrap().status == 200).unwrap();
        let created = session.expect(&request, 201, None).unwrap();
        assert!(acknowledged.iter().all(|response| response.id() != created.id()), "an id was given twice");
    }
    for &service in SERVICES.iter() {
        let log = store.service(service).whole_log();
        assert!(log.contains("request failed error=\"Internal error\" cause="), "the log says why");
        for (line, level) in [("not ready cause=", "ERROR"), ("ready again", "INFO")] {
            let lines: Vec<&str> = log.lines().filter(|logged| logged.contains(line)).collect();
            assert!(
                matches!(&lines[..], [line] if line.contains(level)),
                "once, and not for each probe: {lines:?}"
            );
        }
    }
}

#[test]
fn a_locked_file_is_503() {
    let (store, session) = start(&QUIET);
    for &service in SERVICES.iter() {
        let locked = store.lock(service);
        let response = session.expect(&create(&session, service), 503, Some("Service unavailable")).unwrap();
        assert!(response.header("Retry-After").is_some());
        let read = session.request(service, "GET", format!("/{service}/1"));
        session.expect(&read, 200, None).unwrap();
        drop(locked);
        session.expect(&create(&session, service), 201, None).unwrap();
    }
}

#[test]
fn a_vanished_folder_is_500_until_it_is_back() {
    let (store, session) = start(&QUIET);
    let folder = store.database("products").parent().unwrap().to_owned();
    let elsewhere = folder.with_extension("elsewhere");
    fs::rename(&folder, &elsewhere).unwrap();
    for &service in SERVICES.iter() {
        session.expect(&create(&session, service), 500, Some("Internal error")).unwrap();
        session.expect(&Request::new(service, "GET", "/readyz"), 503, None).unwrap();
        session.expect(&Request::new(service, "GET", "/livez"), 200, None).unwrap();
    }
    fs::rename(&elsewhere, &folder).unwrap();
    for &service in SERVICES.iter() {
        session.expect(&create(&session, service), 201, None).unwrap();
        session.expect(&Request::new(service, "GET", "/readyz"), 200, None).unwrap();
    }
}

#[test]
fn a_replaced_file_is_500() {
    let (mut store, session) = start(&QUIET);
    let file = store.database("products");
    let copy = file.with_extension("copy");
    fs::copy(&file, &copy).unwrap();
    fs::rename(&copy, &file).unwrap();
    session.expect(&create(&session, "products"), 500, Some("Internal error")).unwrap();
    assert!(store.service("products").whole_log().contains("another file is in its place"));
}

#[test]
fn ids_go_on_after_a_restart() {
    let (mut store, session) = start(&QUIET);
    for &service in SERVICES.iter() {
        let before = session.expect(&create(&session, service), 201, None).unwrap().id();
        assert!(store.service(service).stop().success());
        store.service(service).start_again();
        let after = session.expect(&create(&session, service), 201, None).unwrap().id();
        assert!(after > before, "{service}: {after} after {before}");
    }
}

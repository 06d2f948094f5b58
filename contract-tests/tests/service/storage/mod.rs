//! Database files under mixed work: reads between writes, locks under deadlines, logs that vanish, backups that are restored.

mod backups;

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use contract_tests::{
    engine::{deployment::SERVICES, exchange::Request, replay::case::create, session::Session},
    harness::{metrics::Metrics, process::signal, store::Store, waiting::SetOnDrop},
};
use rusqlite::Connection;

use crate::{QUIET, start};

/// The limit of the write-ahead log: the size at which it restarts, and a generous group of writes.
const LOG_LIMIT: u64 = 6 * 1024 * 1024;

fn read(session: &Session, service: &str, id: u64) -> Request {
    session.request(service, "GET", format!("/{service}/{id}"))
}

/// The write-ahead log of a database, or its index.
fn sibling(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn wal_size(store: &Store, service: &str) -> u64 {
    fs::metadata(sibling(&store.database(service), "-wal")).map_or(0, |log| log.len())
}

/// Whether another program can take the whole log of an idle service into the file, a moment after the last request.
fn is_released(database: &Path) -> bool {
    let connection = Connection::open(database).unwrap();
    let is_busy = || {
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)).unwrap() != 0
    };
    let began = Instant::now();
    while is_busy() {
        if began.elapsed() > Duration::from_secs(5) {
            return false;
        }
        thread::yield_now();
    }
    true
}

#[test]
fn reads_between_writes_leave_the_log_bounded() {
    let (store, session) = start(&QUIET);
    let most = (0..3000).fold(0, |most, _| {
        let created = session.expect(&create(&session, "products"), 201, None).unwrap();
        session.expect(&read(&session, "products", created.id()), 200, None).unwrap();
        wal_size(&store, "products").max(most)
    });
    assert!(most < LOG_LIMIT, "the log has grown to {most} bytes");
}

#[test]
fn full_reads_and_many_writers_leave_the_log_bounded() {
    let (store, session) = start(&QUIET);
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let most = thread::scope(|scope| {
        let _end = SetOnDrop(&is_over);
        for path in ["/products", "/products?limit=1000", "/products/1"] {
            let (session, is_over) = (&session, &is_over);
            scope.spawn(move || {
                while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                    session.expect(&session.request("products", "GET", path), 200, None).unwrap();
                }
            });
        }
        let writers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..1500).fold(0, |most, _| {
                        session.expect(&create(&session, "products"), 201, None).unwrap();
                        wal_size(&store, "products").max(most)
                    })
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).max().unwrap()
    });
    assert!(most < LOG_LIMIT, "the log has grown to {most} bytes");
}

#[test]
fn a_snapshot_of_an_idle_service_ends_by_itself() {
    let (store, session) = start(&QUIET);
    for &service in SERVICES.iter() {
        session.expect(&read(&session, service, 1), 200, None).unwrap();
        assert!(is_released(&store.database(service)), "{service} keeps a snapshot");
    }
    session.expect(&session.request("products", "GET", "/products"), 200, None).unwrap();
    assert!(is_released(&store.database("products")), "a list keeps a snapshot");
}

#[test]
fn a_create_that_was_refused_with_503_is_never_stored() {
    for timeout in ["300ms", "10s"] {
        let (store, session) = start(&[QUIET[0], ("REQUEST_TIMEOUT", timeout)]);
        for &service in SERVICES.iter() {
            stores_only_what_is_sent_after_the_lock(&store, &session, service, || {
                thread::scope(|scope| {
                    for _ in 0..10 {
                        let refused =
                            || session.expect(&create(&session, service), 503, Some("Service unavailable"));
                        scope.spawn(move || refused().unwrap());
                    }
                });
            });
        }
    }
}

#[test]
fn a_queued_create_whose_caller_hung_up_is_never_stored() {
    let (store, session) = start(&QUIET);
    for &service in SERVICES.iter() {
        stores_only_what_is_sent_after_the_lock(&store, &session, service, || {
            let callers: Vec<_> = (0..10).map(|_| session.begin(&create(&session, service))).collect();
            wait_for_requests_in_flight(&session, service, 10);
            for caller in callers {
                // With a reset, since a caller that only ends its sending side may still want the response.
                socket2::SockRef::from(caller.socket()).set_linger(Some(Duration::ZERO)).unwrap();
            }
            wait_for_requests_in_flight(&session, service, 0);
        });
    }
}

/// Locks the database while callers give up, and then counts what is stored.
fn stores_only_what_is_sent_after_the_lock(
    store: &Store,
    session: &Session,
    service: &str,
    give_up: impl FnOnce(),
) {
    let before = store.rows(service);
    let locked = store.lock(service);
    give_up();
    drop(locked);
    // Writes are done in their order, so all that was queued before has been done by now.
    session.expect(&create(session, service), 201, None).unwrap();
    assert_eq!(store.rows(service), before + 1, "{service} has stored what it refused");
}

/// Waits until that many requests are in flight, beside the one that asks.
fn wait_for_requests_in_flight(session: &Session, service: &str, count: u64) {
    let in_flight = || {
        let metrics = Metrics::of(session, service).unwrap();
        metrics.sum("http_server_active_requests", &[]) as u64 - 1
    };
    let began = Instant::now();
    while in_flight() != count {
        assert!(began.elapsed() < Duration::from_secs(5), "{service} never has {count} requests in flight");
        thread::yield_now();
    }
}

#[test]
fn a_service_with_a_locked_file_stops_in_time() {
    for &service in SERVICES.iter() {
        let (mut store, session) = start(&QUIET);
        let locked = store.lock(service);
        let request = create(&session, service);
        let process = store.service(service).id();
        let took = thread::scope(|scope| {
            for _ in 0..12 {
                scope.spawn(|| session.send(&request));
            }
            wait_for_requests_in_flight(&session, service, 12);
            let began = Instant::now();
            signal("TERM", process);
            assert!(store.service(service).wait().success());
            began.elapsed()
        });
        assert!(took < Duration::from_secs(5), "{service} took {took:?}");
        drop(locked);
        let connection = Connection::open(store.database(service)).unwrap();
        let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
    }
}

#[test]
fn a_log_that_is_removed_under_a_running_service_loses_nothing() {
    for suffix in ["-wal", "-shm"] {
        let (mut store, session) = start(&QUIET);
        for &service in SERVICES.iter() {
            let mut acknowledged = vec![session.expect(&create(&session, service), 201, None).unwrap()];
            fs::remove_file(sibling(&store.database(service), suffix)).unwrap();
            for _ in 0..8 {
                let response = session.send(&create(&session, service)).unwrap();
                match response.status {
                    201 => acknowledged.push(response),
                    status => assert_eq!(status, 500),
                }
            }
            session.expect(&Request::new(service, "GET", "/readyz"), 503, None).unwrap();
            session.expect(&Request::new(service, "GET", "/livez"), 200, None).unwrap();
            store.service(service).wait_for_log("is in the database file now");
            store.service(service).kill();
            store.service(service).start_again();
            for response in acknowledged {
                let read = session.expect(&read(&session, service, response.id()), 200, None).unwrap();
                assert_eq!(read.body, response.body, "{service} without its {suffix}");
            }
            session.expect(&create(&session, service), 201, None).unwrap();
        }
    }
}

#[test]
fn a_probe_saves_the_content_of_a_removed_log() {
    let (mut store, session) = start(&QUIET);
    let acknowledged = session.expect(&create(&session, "products"), 201, None).unwrap();
    fs::remove_file(sibling(&store.database("products"), "-wal")).unwrap();
    session.expect(&Request::new("products", "GET", "/readyz"), 503, None).unwrap();
    store.service("products").wait_for_log("is in the database file now");
    store.service("products").kill();
    store.service("products").start_again();
    session.expect(&read(&session, "products", acknowledged.id()), 200, None).unwrap();
}

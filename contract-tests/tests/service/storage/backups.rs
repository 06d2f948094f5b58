//! Database files that are copied, moved and restored, and a second process on one folder.

use std::{fs, path::Path};

use contract_tests::{
    engine::{
        deployment::SERVICES,
        replay::{case::create, situations},
        session::Session,
    },
    harness::{folders::new_folder, process::run_once, store::Store, waiting},
};
use rusqlite::Connection;
use serde_json::json;

use super::{is_released, read, sibling, wal_size};
use crate::{PROGRAM, QUIET, start};

#[test]
fn a_second_process_on_one_folder_is_refused() {
    let (store, _session) = start(&QUIET);
    for &service in SERVICES.iter() {
        let folder = store.database(service).parent().unwrap().to_owned();
        let refused = start_alone(service, &folder);
        assert!(refused.contains("is in use by another process: stop that process first"), "{refused}");
    }
}

/// What a service says that cannot start on `folder`.
fn start_alone(service: &str, folder: &Path) -> String {
    let output = run_once(PROGRAM, service, &[("DATA_DIR", folder.to_str().unwrap())]);
    assert_eq!(output.status.code(), Some(1), "{service} starts on {}", folder.display());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Starts and stops a service on `folder`.
fn starts_alone(service: &str, folder: &Path) {
    let output = run_once(PROGRAM, service, &[("DATA_DIR", folder.to_str().unwrap())]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Lets a service take its log into the file and begin another.
fn let_the_log_begin_anew(store: &Store, session: &Session, service: &str) {
    // A log is told from others by these (https://www.sqlite.org/walformat.html).
    let salts = || fs::read(sibling(&store.database(service), "-wal")).unwrap()[16..24].to_vec();
    let before = salts();
    store.grow_wal(service);
    let begins_anew = || {
        session.expect(&create(session, service), 201, None).unwrap();
        salts() != before
    };
    waiting::until("the log to begin anew", begins_anew).unwrap();
}

/// How a backup is made while the service runs.
type BackUp = fn(&Connection, &Path);

const BACKUPS: [(&str, BackUp); 2] = [
    ("VACUUM INTO", |database, backup| {
        database.execute("VACUUM INTO ?1", [backup.to_str().unwrap()]).unwrap();
    }),
    (COPY, |database, backup| {
        fs::copy(database.path().unwrap(), backup).unwrap();
    }),
];

/// It lacks what is in the log.
const COPY: &str = "a copy of the file";

#[test]
fn a_backup_put_back_beside_the_log_of_a_killed_service_is_refused() {
    for &service in SERVICES.iter() {
        for (name, back_up) in BACKUPS {
            let (mut store, session) = start(&QUIET);
            let database = store.database(service);
            let folder = new_folder();
            let backup = folder.path().join("backup.db");
            back_up(&Connection::open(&database).unwrap(), &backup);
            let_the_log_begin_anew(&store, &session, service);
            let last = session.expect(&create(&session, service), 201, None).unwrap();
            store.service(service).kill();
            let lost = fs::read(&database).unwrap();
            let log = fs::read(sibling(&database, "-wal")).unwrap();

            fs::copy(&backup, &database).unwrap();
            let refused = start_alone(service, database.parent().unwrap());
            assert!(
                refused.contains("is not the file that") && refused.contains("-wal"),
                "{name}: {refused}"
            );
            assert_eq!(fs::read(&database).unwrap(), fs::read(&backup).unwrap(), "the backup is as it was");
            assert_eq!(fs::read(sibling(&database, "-wal")).unwrap(), log, "the log is as it was");

            // Each of the two that the sentence offers.
            fs::write(&database, lost).unwrap();
            store.service(service).start_again();
            assert_eq!(
                session.expect(&read(&session, service, last.id()), 200, None).unwrap().body,
                last.body
            );
            store.service(service).kill();
            fs::copy(&backup, &database).unwrap();
            fs::remove_file(sibling(&database, "-wal")).unwrap();
            fs::remove_file(sibling(&database, "-shm")).unwrap();
            if name == COPY {
                let refused = start_alone(service, database.parent().unwrap());
                assert!(refused.contains("lacks the latest writes"), "{refused}");
                continue;
            }
            store.service(service).start_again();
            session.expect(&read(&session, service, last.id()), 404, None).unwrap();
            session.expect(&create(&session, service), 201, None).unwrap();
        }
    }
}

#[test]
fn a_recent_backup_beside_the_log_is_refused() {
    let (mut store, session) = start(&QUIET);
    let database = store.database("products");
    let backup = database.with_extension("backup");
    session.expect(&create(&session, "products"), 201, None).unwrap();
    Connection::open(&database).unwrap().execute("VACUUM INTO ?1", [backup.to_str().unwrap()]).unwrap();
    session.expect(&create(&session, "products"), 201, None).unwrap();
    store.service("products").kill();
    fs::rename(&backup, &database).unwrap();
    let refused = start_alone("products", database.parent().unwrap());
    assert!(refused.contains("is not the file that"), "{refused}");
}

#[test]
fn a_log_without_its_database_is_kept() {
    let (mut store, session) = start(&QUIET);
    for &service in SERVICES.iter() {
        let database = store.database(service);
        session.expect(&create(&session, service), 201, None).unwrap();
        store.service(service).kill();
        let elsewhere = database.with_extension("elsewhere");
        fs::rename(&database, &elsewhere).unwrap();
        let refused = start_alone(service, database.parent().unwrap());
        assert!(refused.contains("does not exist, but"), "{refused}");
        fs::rename(&elsewhere, &database).unwrap();
        store.service(service).start_again();
        session.expect(&read(&session, service, 2), 200, None).unwrap();
    }
}

#[test]
fn a_log_that_was_copied_before_its_file_is_refused() {
    let (mut store, session) = start(&QUIET);
    let database = store.database("products");
    let folder = new_folder();
    let copy = folder.path().join("products.db");
    session.expect(&create(&session, "products"), 201, None).unwrap();
    fs::copy(sibling(&database, "-wal"), sibling(&copy, "-wal")).unwrap();
    let_the_log_begin_anew(&store, &session, "products");
    fs::copy(&database, &copy).unwrap();
    let refused = start_alone("products", folder.path());
    assert!(refused.contains("is not the file that"), "{refused}");
    store.service("products").kill();
    store.service("products").start_again();
}

#[test]
fn a_copy_of_the_file_of_a_running_service_is_refused_without_its_log() {
    let (store, session) = start(&QUIET);
    // Of a fresh service, and of one that has taken its log into the file.
    for begins_anew in [false, true] {
        for &service in SERVICES.iter() {
            if begins_anew {
                let_the_log_begin_anew(&store, &session, service);
            }
            let folder = new_folder();
            let (database, copy) = (store.database(service), folder.path().join(format!("{service}.db")));
            fs::copy(&database, &copy).unwrap();
            let refused = start_alone(service, folder.path());
            let sentence = format!("{service}.db lacks the latest writes, since ");
            assert!(
                refused.contains(&sentence) && refused.contains("-wal back, or restore a backup"),
                "{refused}"
            );

            // In this order, as `cp` copies a folder.
            let before = store.rows(service);
            fs::copy(sibling(&database, "-wal"), sibling(&copy, "-wal")).unwrap();
            starts_alone(service, folder.path());
            let connection = Connection::open(&copy).unwrap();
            assert_eq!(contract_tests::harness::store::rows(&connection), before, "{service}");
        }
    }
}

#[test]
fn a_log_that_another_program_took_into_the_file_is_not_missed() {
    let (mut store, session) = Store::start_with_session(PROGRAM, &QUIET);
    for &service in SERVICES.iter() {
        store.service(service).kill();
        assert_eq!(store.rows(service), 0, "a service that was never used");
        store.service(service).start_again();
    }
    situations::prepare(&session).unwrap();
    for begins_anew in [false, true] {
        for &service in SERVICES.iter() {
            if begins_anew {
                let_the_log_begin_anew(&store, &session, service);
            }
            let last = session.expect(&create(&session, service), 201, None).unwrap();
            store.service(service).kill();
            // The last connection that closes checkpoints the log.
            assert!(store.rows(service) > 0);
            assert!(!sibling(&store.database(service), "-wal").exists());
            store.service(service).start_again();
            session.expect(&read(&session, service, last.id()), 200, None).unwrap();
        }
    }
}

/// The mark of a file that has a log must not get into the file when the log ends there.
#[test]
fn a_service_starts_again_after_it_stopped_with_a_reader_in_its_way() {
    let (mut store, session) = start(&QUIET);
    let reader = Connection::open(store.database("products")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM product").unwrap();
    // Twice the log is taken into the file as far as the reader permits.
    for _ in 0..2 {
        store.grow_wal("products");
        session.expect(&create(&session, "products"), 201, None).unwrap();
    }
    assert!(wal_size(&store, "products") > 0);
    assert!(store.service("products").stop().success());
    drop(reader);
    assert!(!sibling(&store.database("products"), "-wal").exists());
    store.service("products").start_again();
    session.expect(&create(&session, "products"), 201, None).unwrap();
}

/// The file cannot grow, so the log is taken into it in part only.
#[test]
fn a_service_starts_after_an_interrupted_checkpoint() {
    for room in ["limited", "unlimited"] {
        let (mut store, session) = start(&QUIET);
        let database = store.database("products");
        store.fill(20_000);
        assert!(is_released(&database));
        let size = fs::metadata(&database).unwrap().len();
        assert!(size > 4_130_000, "the log fits where the file has no more room: {size}");
        store.service("products").limit_file_size(&size.to_string());
        let name = "x".repeat(200);
        let request = session
            .request("products", "POST", "/products")
            .json(&json!({ "name": name, "price": 1, "stock": 1 }));
        let mut acknowledged = Vec::new();
        loop {
            match session.send(&request).unwrap() {
                response if response.status == 201 => acknowledged.push(response),
                _ => break,
            }
            assert!(acknowledged.len() < 20_000, "the disk is never full");
        }
        if room == "unlimited" {
            store.service("products").limit_file_size(room);
            acknowledged.push(session.expect(&request, 201, None).unwrap());
        }
        store.service("products").kill();
        store.service("products").start_again();
        for response in acknowledged.iter().rev().take(100) {
            let read = session.expect(&read(&session, "products", response.id()), 200, None).unwrap();
            assert_eq!(read.body, response.body);
        }
    }
}

#[test]
fn a_folder_of_a_killed_service_can_be_copied_and_moved() {
    let (mut store, session) = start(&QUIET);
    let_the_log_begin_anew(&store, &session, "products");
    let last = session.expect(&create(&session, "products"), 201, None).unwrap();
    store.service("products").kill();
    let folder = new_folder();
    for suffix in ["", "-wal"] {
        let file = sibling(&store.database("products"), suffix);
        fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
        fs::remove_file(&file).unwrap();
    }
    let _ = fs::remove_file(sibling(&store.database("products"), "-shm"));
    for suffix in ["", "-wal"] {
        let file = sibling(&store.database("products"), suffix);
        fs::copy(folder.path().join(file.file_name().unwrap()), &file).unwrap();
    }
    store.service("products").start_again();
    assert_eq!(session.expect(&read(&session, "products", last.id()), 200, None).unwrap().body, last.body);
}

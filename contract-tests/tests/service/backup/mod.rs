//! `store backup`: what is in a backup, and what is refused.

mod disturbed;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Output,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use contract_tests::{
    engine::{
        deployment::{SERVICES, asked_by},
        exchange::Response,
        replay::case::create,
        session::Session,
    },
    harness::{
        ending,
        folders::new_folder,
        process::command,
        store::Store,
        waiting::{self, SetOnDrop},
    },
};
use rusqlite::Connection;

use crate::{PROGRAM, QUIET, start};

/// Backs up or restores the databases in `data`.
pub(crate) fn run(arguments: &[&str], data: &Path) -> Output {
    ending::output(&mut command(PROGRAM, arguments, data))
}

#[track_caller]
pub(crate) fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Checks that a command exited with 1 and with one sentence, which it returns.
#[track_caller]
pub(crate) fn refused(output: &Output) -> String {
    let sentence = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{sentence}");
    assert!(sentence.starts_with("store: ") && sentence.trim_end().lines().count() == 1, "{sentence}");
    sentence
}

/// The folder of the databases.
pub(crate) fn data(store: &Store) -> std::path::PathBuf {
    store.database("products").parent().unwrap().to_owned()
}

/// The names of the files in a folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The files of a whole backup.
pub(crate) fn files() -> Vec<String> {
    let mut files: Vec<String> = SERVICES.iter().map(|service| format!("{service}.db")).collect();
    files.sort();
    files
}

/// Checks that a folder has a whole backup and nothing else, and returns how many products are in it.
#[track_caller]
fn products_in(backup: &Path) -> i64 {
    assert_eq!(names(backup), files());
    for name in files() {
        let file = backup.join(&name);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        let connection = Connection::open(&file).unwrap();
        let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok", "{name}");
    }
    assert_eq!(names(backup), files(), "a backup needs no log to be read");
    Connection::open(backup.join("products.db"))
        .unwrap()
        .query_row("SELECT count(*) FROM product", [], |row| row.get(0))
        .unwrap()
}

/// A create whose key is `key`.
fn with_key(session: &Session, service: &str, key: u64) -> contract_tests::engine::exchange::Request {
    create(session, service).header("Idempotency-Key", format!("key-{key}"))
}

#[test]
fn a_backup_under_load_has_everything_that_was_acknowledged_before_it_began() {
    let (store, session) = start(&QUIET);
    let is_over = AtomicBool::new(false);
    let keys = AtomicU64::new(0);
    let folder = new_folder();
    let backup = folder.path().join("backup");
    let acknowledged = std::sync::Mutex::new(BTreeMap::<(&str, u64), (u64, Response)>::new());
    let before = thread::scope(|scope| {
        let _end = SetOnDrop(&is_over);
        for service in SERVICES.iter().flat_map(|service| [*service; 2]) {
            let (session, is_over, keys, acknowledged) = (&session, &is_over, &keys, &acknowledged);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let key = keys.fetch_add(1, Ordering::Relaxed);
                    let response = session.expect(&with_key(session, service, key), 201, None).unwrap();
                    acknowledged.lock().unwrap().insert((service, response.id()), (key, response));
                }
            });
        }
        waiting::until("300 acknowledged writes", || acknowledged.lock().unwrap().len() >= 300).unwrap();
        let before = acknowledged.lock().unwrap().clone();
        succeeds(&run(&["backup", backup.to_str().unwrap()], &data(&store)));
        before
    });
    products_in(&backup);
    drop(store);

    let restored = new_folder();
    succeeds(&run(&["restore", backup.to_str().unwrap()], restored.path()));
    let store = Store::start_in(restored, PROGRAM, &QUIET);
    let session = Session::new(store.deployment());
    let mut last = BTreeMap::new();
    for (&(service, id), (key, response)) in &before {
        let read = session.request(service, "GET", format!("/{service}/{id}"));
        assert_eq!(session.expect(&read, 200, None).unwrap().body, response.body, "{service} {id}");
        let again = session.expect(&with_key(&session, service, *key), 201, None).unwrap();
        assert_eq!(again.header("Idempotency-Replayed"), Some("true"), "{service} {id}");
        assert_eq!(again.body, response.body);
        last.insert(service, id);
    }
    for (service, last) in last {
        let created = session.expect(&create(&session, service), 201, None).unwrap();
        assert!(created.id() > last, "{service}: {} after {last}", created.id());
        // What a payment refers to is there, since orders are backed up after payments.
        for (asked, id) in asked_by(service).flat_map(|asked| (1..=created.id()).map(move |id| (asked, id))) {
            let read = session.request(service, "GET", format!("/{service}/{id}"));
            let thing = session.expect(&read, 200, None).unwrap().json();
            let mut fields = thing.as_object().unwrap().iter();
            let is_reference =
                |name: &str| name.strip_suffix("_id").is_some_and(|thing| asked.starts_with(thing));
            let (_, referred) = fields.find(|(name, _)| is_reference(name)).unwrap();
            let referred = session.request(asked, "GET", format!("/{asked}/{referred}"));
            session.expect(&referred, 200, None).unwrap();
        }
    }
}

#[test]
fn a_backup_does_not_change_a_stopped_store() {
    let (mut store, _session) = start(&QUIET);
    for &service in SERVICES.iter() {
        assert!(store.service(service).stop().success());
    }
    let read = || files().iter().map(|name| fs::read(data(&store).join(name)).unwrap()).collect::<Vec<_>>();
    let before = read();
    let all = names(&data(&store));
    let folder = new_folder();
    let backup = folder.path().join("deeper/backup");
    succeeds(&run(&["backup", backup.to_str().unwrap()], &data(&store)));
    assert_eq!(products_in(&backup), 1);
    assert_eq!(names(&data(&store)), all);
    assert!(before == read(), "a backup changes a database");
}

#[test]
fn a_backup_of_a_killed_store_includes_its_logs() {
    let (mut store, session) = start(&QUIET);
    session.expect(&create(&session, "products"), 201, None).unwrap();
    for &service in SERVICES.iter() {
        store.service(service).kill();
    }
    let folder = new_folder();
    let backup = folder.path().join("backup");
    succeeds(&run(&["backup", backup.to_str().unwrap()], &data(&store)));
    assert_eq!(products_in(&backup), 2);
    for &service in SERVICES.iter() {
        store.service(service).start_again();
        session.expect(&create(&session, service), 201, None).unwrap();
    }
}

#[test]
fn one_of_several_concurrent_backups_to_a_folder_wins_and_the_others_are_refused() {
    let (store, _session) = start(&QUIET);
    store.fill(20_000);
    for force in [false, true] {
        let folder = new_folder();
        let backup = folder.path().join("backup");
        let mut arguments = vec!["backup", backup.to_str().unwrap()];
        if force {
            succeeds(&run(&arguments, &data(&store)));
            arguments.push("--force");
        }
        let outputs: Vec<Output> = thread::scope(|scope| {
            let backups: Vec<_> = (0..4).map(|_| scope.spawn(|| run(&arguments, &data(&store)))).collect();
            backups.into_iter().map(|backup| backup.join().unwrap()).collect()
        });
        let (won, lost): (Vec<_>, Vec<_>) = outputs.iter().partition(|output| output.status.success());
        assert!(!won.is_empty() && (force || won.len() == 1), "{outputs:?}");
        for output in lost {
            let sentence = refused(output);
            let why = ["another backup to ", " has a backup already: "];
            assert!(why.iter().any(|why| sentence.contains(why)), "{sentence}");
        }
        assert!(products_in(&backup) > 20_000);
        assert_eq!(names(folder.path()), ["backup"]);
    }
}

#[test]
fn a_backup_is_replaced_with_force_only_and_nothing_else_ever_is() {
    let (store, session) = start(&QUIET);
    let folder = new_folder();
    let backup = folder.path().join("backup");
    let to = backup.to_str().unwrap();
    succeeds(&run(&["backup", to], &data(&store)));
    session.expect(&create(&session, "products"), 201, None).unwrap();
    let sentence = refused(&run(&["backup", to], &data(&store)));
    assert!(sentence.contains("has a backup already: name another folder, or replace it with --force"));
    assert_eq!(products_in(&backup), 1);
    succeeds(&run(&["backup", to, "--force"], &data(&store)));
    assert_eq!(products_in(&backup), 2);

    fs::write(backup.join("notes"), "mine").unwrap();
    let sentence = refused(&run(&["backup", to, "--force"], &data(&store)));
    assert!(
        sentence.contains("has files that are not part of a backup, such as notes: name a new folder"),
        "{sentence}"
    );
    let sentence = refused(&run(&["backup", data(&store).to_str().unwrap(), "--force"], &data(&store)));
    assert!(sentence.contains("is the folder of the databases: name another folder"), "{sentence}");
    fs::write(folder.path().join("file"), "mine").unwrap();
    let file = folder.path().join("file");
    for arguments in [vec!["backup", file.to_str().unwrap()], vec!["backup", "/"]] {
        refused(&run(&arguments, &data(&store)));
    }
}

#[test]
fn a_folder_without_the_databases_cannot_be_backed_up() {
    let (mut store, _session) = start(&QUIET);
    let folder = new_folder();
    let backup = folder.path().join("backup");
    let to = backup.to_str().unwrap();
    let sentence = refused(&run(&["backup", to], &folder.path().join("nowhere")));
    let first = SERVICES.last().unwrap();
    assert!(sentence.contains(&format!("{first}.db cannot be read (No such file")), "{sentence}");
    assert!(sentence.contains("set DATA_DIR to the folder of the databases"), "{sentence}");

    // One service alone, such as on a machine of its own.
    let products = folder.path().join("products");
    fs::create_dir(&products).unwrap();
    store.service("products").stop();
    fs::copy(store.database("products"), products.join("products.db")).unwrap();
    refused(&run(&["backup", to], &products));
    succeeds(&run(&["backup", to, "--only", "products"], &products));
    assert_eq!(names(&backup), ["products.db"]);

    fs::write(products.join("products.db"), "far too short to be a database").unwrap();
    let sentence = refused(&run(&["backup", to, "--only", "products", "--force"], &products));
    assert!(sentence.contains("is not a SQLite database"), "{sentence}");
    assert_eq!(names(folder.path()), ["backup", "products"]);
}

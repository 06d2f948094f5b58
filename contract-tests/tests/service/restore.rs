//! `store restore`: what it puts in place, what it refuses, and what it leaves when it is interrupted.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::Duration,
};

use contract_tests::{
    engine::{deployment::SERVICES, replay::case::create, session::Session},
    harness::{
        ending,
        folders::new_folder,
        process::{command, run_once},
        store::Store,
    },
};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::{
    PROGRAM, QUIET,
    backup::{data, files, names, refused, run, succeeds},
    start,
};

/// A backup with one product, one order and one payment, in the folder `backup`.
fn backup() -> (TempDir, PathBuf) {
    let (store, _session) = start(&QUIET);
    back_up(&store)
}

fn back_up(store: &Store) -> (TempDir, PathBuf) {
    let folder = new_folder();
    let backup = folder.path().join("backup");
    succeeds(&run(&["backup", backup.to_str().unwrap()], &data(store)));
    (folder, backup)
}

fn restore(backup: &Path, data: &Path) -> std::process::Output {
    run(&["restore", backup.to_str().unwrap()], data)
}

/// The files in a folder, with their content.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    names(folder).into_iter().map(|name| (name.clone(), fs::read(folder.join(name)).unwrap())).collect()
}

#[test]
fn a_restore_is_refused_while_a_service_runs_and_changes_nothing() {
    let (mut store, session) = start(&QUIET);
    let (_folder, backup) = back_up(&store);
    for &running in SERVICES.iter() {
        for &service in SERVICES.iter().filter(|service| **service != running) {
            store.service(service).stop();
        }
        for force in [&[][..], &["--force"]] {
            let arguments = [&["restore", backup.to_str().unwrap()], force].concat();
            let sentence = refused(&run(&arguments, &data(&store)));
            let expected = format!("{running}.db is in use by another process: stop that process first");
            assert!(sentence.contains(&expected), "{sentence}");
        }
        for &service in SERVICES.iter().filter(|service| **service != running) {
            store.service(service).start_again();
        }
    }
    for &service in SERVICES.iter() {
        session.expect(&create(&session, service), 201, None).unwrap();
    }
}

#[test]
fn databases_are_kept_beside_with_force_and_stay_without() {
    let (mut store, session) = start(&QUIET);
    let (_folder, backup) = back_up(&store);
    session.expect(&create(&session, "products"), 201, None).unwrap();
    for &service in SERVICES.iter() {
        store.service(service).kill();
    }
    let before = contents(&data(&store));
    let sentence = refused(&restore(&backup, &data(&store)));
    assert!(sentence.contains("products.db already exists: use --force, which keeps it"), "{sentence}");
    assert!(contents(&data(&store)) == before, "a refused restore changes nothing");

    let text = succeeds(&run(&["restore", "--force", backup.to_str().unwrap()], &data(&store)));
    assert!(text.contains("What was there is kept as "), "{text}");
    for &service in SERVICES.iter() {
        store.service(service).start_again();
        session.expect(&create(&session, service), 201, None).unwrap();
    }
    let again = session.expect(&session.request("products", "GET", "/products"), 200, None).unwrap();
    assert_eq!(again.json().as_array().unwrap().len(), 2, "what was in the backup, and one more");
    // What was there is whole, with its log.
    let kept = names(&data(&store)).into_iter();
    let kept = kept.filter(|name| name.starts_with("products.2") && name.ends_with(".db"));
    let kept: Vec<String> = kept.collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let connection = Connection::open(data(&store).join(&kept[0])).unwrap();
    let count: i64 = connection.query_row("SELECT count(*) FROM product", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 2);
}

#[test]
fn a_restore_beside_a_stale_log_is_refused() {
    let (_folder, backup) = backup();
    let data = new_folder();
    fs::write(data.path().join("orders.db-wal"), "the log of a database that is gone").unwrap();
    let before = contents(data.path());
    let sentence = refused(&restore(&backup, data.path()));
    assert!(sentence.contains("orders.db-wal already exists"), "{sentence}");
    assert!(contents(data.path()) == before, "nothing is left behind");
}

/// Spoils the backup in a folder.
type Spoil = fn(&Path);

#[test]
fn an_unusable_backup_is_refused_and_none_of_it_is_restored() {
    let (_folder, backup) = backup();
    let cases: [(&str, Spoil); 9] = [
        ("products.db cannot be read (No such file", |backup| {
            fs::remove_file(backup.join("products.db")).unwrap();
        }),
        ("payments.db is not a SQLite database", |backup| {
            fs::write(backup.join("payments.db"), "far too short to be a database").unwrap();
        }),
        ("payments.db is empty", |backup| fs::write(backup.join("payments.db"), "").unwrap()),
        ("payments.db belongs to another program", |backup| {
            fs::copy(backup.join("orders.db"), backup.join("payments.db")).unwrap();
        }),
        ("orders.db has version 99, and this program supports versions up to", |backup| {
            let connection = Connection::open(backup.join("orders.db")).unwrap();
            connection.pragma_update(None, "user_version", 99).unwrap();
        }),
        ("orders.db is damaged", |backup| {
            let mut content = fs::read(backup.join("orders.db")).unwrap();
            content[4096..4200].fill(0xff);
            fs::write(backup.join("orders.db"), content).unwrap();
        }),
        ("orders.db is damaged", |backup| {
            let mut content = fs::read(backup.join("orders.db")).unwrap();
            content[200..4000].fill(0xff);
            fs::write(backup.join("orders.db"), content).unwrap();
        }),
        ("payments.db has a log, ", |backup| {
            fs::write(backup.join("payments.db-wal"), "a log, by its name and size").unwrap();
        }),
        ("payments.db lacks the latest writes", |backup| {
            let connection = Connection::open(backup.join("payments.db")).unwrap();
            connection.execute_batch("UPDATE generation SET is_continued = 1").unwrap();
        }),
    ];
    for (sentence, spoil) in cases {
        let spoilt = new_folder();
        for name in names(&backup) {
            fs::copy(backup.join(&name), spoilt.path().join(&name)).unwrap();
        }
        spoil(spoilt.path());
        let data = new_folder();
        let said = refused(&restore(spoilt.path(), data.path()));
        assert!(said.contains(sentence), "{sentence}: {said}");
        let advice = [" name another backup.", ": name a folder with a whole backup.", " and back it up."];
        assert!(advice.iter().any(|advice| said.trim_end().ends_with(advice)), "{said}");
        assert_eq!(names(data.path()), [""; 0], "{sentence}");
    }
    let sentence = refused(&restore(&backup, &backup));
    assert!(sentence.contains("is the folder of the databases: name another folder"), "{sentence}");
    let data = new_folder();
    succeeds(&restore(&backup, data.path()));
    assert_eq!(names(data.path()), files());
}

#[test]
fn a_full_disk_changes_nothing() {
    let (_folder, backup) = backup();
    let data = new_folder();
    let mut limited = std::process::Command::new("prlimit");
    limited.args(["--fsize=5000", PROGRAM, "restore", backup.to_str().unwrap()]);
    let output = ending::output(limited.env("DATA_DIR", data.path()));
    let sentence = refused(&output);
    assert!(sentence.contains("cannot be written (") && sentence.contains("free disk space"), "{sentence}");
    assert_eq!(names(data.path()), [""; 0]);
}

#[test]
fn one_service_can_be_restored_alone() {
    let (_folder, backup) = backup();
    let data = new_folder();
    succeeds(&run(&["restore", "--only", "orders", backup.to_str().unwrap()], data.path()));
    assert_eq!(names(data.path()), ["orders.db"]);
}

/// Kills at moments that cover all of a restore: afterwards, a store has only old databases or only new ones.
#[test]
fn a_restore_that_is_killed_mixes_nothing() {
    let (mut store, session) = start(&QUIET);
    store.fill(5000);
    let (_folder, backup) = back_up(&store);
    for &service in SERVICES.iter() {
        // One more than in the backup, of each.
        session.expect(&create(&session, service), 201, None).unwrap();
    }
    for &service in SERVICES.iter() {
        store.service(service).stop();
    }
    let old = contents(&data(&store)).into_iter().filter(|(name, _)| name.ends_with(".db"));
    let old: BTreeMap<String, Vec<u8>> = old.collect();
    for round in 0..15 {
        let folder = new_folder();
        for (name, content) in &old {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let arguments = ["restore", "--force", backup.to_str().unwrap()];
        let mut process = command(PROGRAM, &arguments, folder.path()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(round * 6));
        let _ = process.kill();
        let _ = process.wait();
        if folder.path().join("restore.unfinished").exists() {
            is_refused_until_restored(folder.path(), &backup);
        }
        let is_old = |name: &str| fs::read(folder.path().join(name)).unwrap() == old[name];
        let first = is_old("products.db");
        assert!(old.keys().all(|name| is_old(name) == first), "{:?}", names(folder.path()));
        starts(folder);
    }
}

#[test]
fn after_a_restore_that_was_interrupted_no_service_starts_before_it_is_done_again() {
    let (_folder, backup) = backup();
    let data = new_folder();
    succeeds(&restore(&backup, data.path()));
    // These two are not in place, the others are.
    let unfinished = data.path().join("restore.unfinished");
    fs::create_dir(&unfinished).unwrap();
    for name in ["orders.db", "payments.db"] {
        fs::rename(data.path().join(name), unfinished.join(name)).unwrap();
    }
    is_refused_until_restored(data.path(), &backup);
    starts(data);
}

fn is_refused_until_restored(data: &Path, backup: &Path) {
    for &service in SERVICES.iter() {
        let output = run_once(PROGRAM, service, &[("DATA_DIR", data.to_str().unwrap())]);
        let sentence = String::from_utf8_lossy(&output.stderr);
        assert!(sentence.contains("a restore was interrupted") && sentence.contains("--force"), "{sentence}");
        assert_eq!(output.status.code(), Some(1));
    }
    let to = data.join("backup");
    let sentence = refused(&run(&["backup", to.to_str().unwrap()], data));
    assert!(
        sentence.contains("a restore was interrupted") || sentence.contains("cannot be read"),
        "{sentence}"
    );
    succeeds(&run(&["restore", "--force", backup.to_str().unwrap()], data));
}

fn starts(folder: TempDir) {
    let store = Store::start_in(folder, PROGRAM, &QUIET);
    let session = Session::new(store.deployment());
    for &service in SERVICES.iter() {
        session.expect(&create(&session, service), 201, None).unwrap();
    }
}

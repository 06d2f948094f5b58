//! A backup that is killed, stopped or out of disk space, and services that stop meanwhile.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use contract_tests::{
    engine::{deployment::SERVICES, replay::case::create},
    harness::{
        ending,
        folders::new_folder,
        process::{command, signal},
        waiting,
    },
};

use super::{data, names, products_in, refused, run, succeeds};
use crate::{PROGRAM, QUIET, start};

/// Begins a backup of the databases in `data`, and waits until it is at products, or has ended already.
fn begin(backup: &Path, data: &Path) -> Child {
    let process = command(PROGRAM, &["backup", backup.to_str().unwrap()], data)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let partial = backup.with_file_name(".backup.partial/products.db");
    waiting::until("the backup of products", || partial.exists() || backup.exists()).unwrap();
    process
}

#[test]
fn a_backup_that_is_killed_leaves_nothing_but_whole_backups() {
    let (store, session) = start(&QUIET);
    store.fill(20_000);
    let folder = new_folder();
    let backup = folder.path().join("backup");
    let arguments = ["backup", "--force", backup.to_str().unwrap()];
    for round in 0..20 {
        let mut process = command(PROGRAM, &arguments, &data(&store)).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(round * 5));
        let _ = process.kill();
        let _ = process.wait();
        if backup.exists() {
            assert!(products_in(&backup) > 20_000);
        }
        session.expect(&create(&session, "products"), 201, None).unwrap();
    }
    succeeds(&run(&arguments, &data(&store)));
    products_in(&backup);
    assert_eq!(names(folder.path()), ["backup"], "what the killed ones left is gone");
}

#[test]
fn a_stopped_backup_removes_its_files() {
    let (store, _session) = start(&QUIET);
    store.fill(100_000);
    let folder = new_folder();
    let backup = folder.path().join("backup");
    let backs_up_until = |name| {
        let process = begin(&backup, &data(&store));
        signal(name, process.id());
        ending::of("a backup that is told to stop", process)
    };
    for name in ["TERM", "INT"] {
        // The backup may be faster than the signal.
        let mut attempts = std::iter::repeat_with(|| backs_up_until(name)).take(50);
        let stopped = attempts.find(|output| {
            let is_whole = output.status.success();
            if is_whole {
                assert_eq!(products_in(&backup), 100_001);
                fs::remove_dir_all(&backup).unwrap();
            }
            !is_whole
        });
        let sentence = refused(&stopped.unwrap());
        assert!(sentence.contains(&format!("stopped by SIG{name}, and nothing was changed")), "{sentence}");
        assert_eq!(names(folder.path()), [""; 0]);
    }
}

#[test]
fn a_backup_while_the_services_stop_is_whole_and_leaves_no_log() {
    let (mut store, session) = start(&QUIET);
    store.fill(100_000);
    session.expect(&create(&session, "products"), 201, None).unwrap();
    let folder = new_folder();
    let backup = folder.path().join("backup");
    let process = begin(&backup, &data(&store));
    for &service in SERVICES.iter() {
        store.service(service).signal("TERM");
        assert!(store.service(service).wait().success());
    }
    succeeds(&ending::of("a backup", process));
    assert_eq!(products_in(&backup), 100_002);
    let logs = names(&data(&store)).into_iter().filter(|name| name.ends_with("-wal"));
    assert_eq!(logs.collect::<Vec<_>>(), [""; 0]);
    for &service in SERVICES.iter() {
        store.service(service).start_again();
        session.expect(&create(&session, service), 201, None).unwrap();
    }
}

/// The disk is full after so many bytes of a file, as in `crashes`.
#[test]
fn a_full_disk_leaves_no_half_backup() {
    let (store, session) = start(&QUIET);
    store.fill(1000);
    let folder = new_folder();
    let backup = folder.path().join("backup");
    for bytes in ["0", "1000", "50000"] {
        let mut limited = Command::new("prlimit");
        limited.args([&format!("--fsize={bytes}"), PROGRAM, "backup", backup.to_str().unwrap()]);
        let output = ending::output(limited.env("DATA_DIR", data(&store)));
        let sentence = refused(&output);
        assert!(
            sentence.contains("cannot be written (") && sentence.contains("free disk space"),
            "{sentence}"
        );
        assert_eq!(names(folder.path()), [""; 0]);
    }
    session.expect(&create(&session, "products"), 201, None).unwrap();
    succeeds(&run(&["backup", backup.to_str().unwrap()], &data(&store)));
}

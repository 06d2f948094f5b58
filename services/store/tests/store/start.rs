//! The store starts all services, or names what is in the way in a line.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
};

use crate::{Store, command, folder, get, output_of, refuses, run};

#[test]
fn all_services_are_ready_when_the_summary_is_printed() {
    let store = Store::start();
    for url in &store.urls {
        assert_eq!(get(url, "/readyz"), "HTTP/1.1 200 OK");
    }
}

#[test]
fn services_start_when_the_log_cannot_be_written() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let store = Store::start_in(folder(), full);
    for url in &store.urls {
        assert_eq!(get(url, "/readyz"), "HTTP/1.1 200 OK");
    }
}

#[test]
fn an_address_in_use_is_named() {
    for service in store::services() {
        let variable = format!("{}_LISTEN", service.to_uppercase());
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let output = run(
            |_, command| {
                command.env(&variable, &address);
            },
            &[],
        );
        refuses(output, &format!("{service}: {address} cannot be bound"));
    }
}

#[test]
fn a_flag_sets_the_address_of_a_service() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refuses(run(|_, _| {}, &["--orders-listen", &address]), "set ORDERS_LISTEN to another address");
}

#[test]
fn a_folder_that_cannot_be_created_is_named() {
    let output = run(|folder, _| fs::write(folder.join("data"), "a file").unwrap(), &[]);
    refuses(output, "set DATA_DIR to a writable folder");
}

#[test]
fn a_file_that_is_not_a_database_is_named() {
    let garbage = |folder: &Path, _: &mut Command| {
        fs::create_dir(folder.join("data")).unwrap();
        fs::write(folder.join("data/orders.db"), "not a database, but long enough to have a header").unwrap();
    };
    refuses(run(garbage, &[]), "orders.db is not a SQLite database");
}

/// The same command, if this is root, who can write to a read-only file because of one capability (capabilities(7)).
fn without_privilege(command: &Command) -> Command {
    let mut without = Command::new("setpriv");
    without.args(["--bounding-set", "-dac_override"]).arg(command.get_program()).args(command.get_args());
    for (variable, value) in command.get_envs() {
        match value {
            Some(value) => without.env(variable, value),
            None => without.env_remove(variable),
        };
    }
    without.stdin(Stdio::null());
    without
}

#[test]
fn a_read_only_file_is_named() {
    let folder = folder();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let file = data.join("products.db");
    fs::write(&file, "").unwrap();
    let mut permissions = fs::metadata(&file).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&file, permissions).unwrap();
    let mut command = command(folder.path(), &[]);
    if fs::OpenOptions::new().append(true).open(&file).is_ok() {
        command = without_privilege(&command);
    }
    let output = output_of(&mut command);
    refuses(output, "products.db cannot be written");
}

#[test]
fn help_lists_every_setting_with_its_variable() {
    let of_service = |name: &'static str| {
        let (first, rest) = name.split_at(1);
        (vec![name, "--help"], format!("{}{rest} of the store: ", first.to_uppercase()))
    };
    let of_store = (vec!["--help"], "The store: ".to_owned());
    for (arguments, about) in [of_store].into_iter().chain(store::services().map(of_service)) {
        let help = String::from_utf8(run(|_, _| {}, &arguments).stdout).unwrap();
        assert!(help.starts_with(&about), "{help}");
        for flag in ["--data-dir", "[env: DATA_DIR", "--log-format", "--max-requests", "-listen", "-token"] {
            assert!(help.contains(flag), "{arguments:?} has no {flag}: {help}");
        }
    }
}

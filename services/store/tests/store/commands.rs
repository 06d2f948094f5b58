//! The commands that run beside the services.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Output},
};

use crate::{Store, command, folder, output_of, refuses, run};

/// What a command prints.
fn text(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}

#[test]
fn help_lists_the_commands_and_each_has_help() {
    let help = text(&run(|_, _| {}, &["--help"]));
    for (name, about) in [
        ("backup", "Back up the databases"),
        ("restore", "Restore databases from a backup"),
        ("copy", "Copy the databases to another engine, folder or server"),
        ("check", "Check that the services on this machine are ready"),
    ] {
        assert!(help.contains(&format!("  {name}")) && help.contains(about), "{help}");
        let own = run(|_, _| {}, &[name, "--help"]);
        assert!(own.status.success() && text(&own).starts_with(about), "{}", text(&own));
        assert!(text(&own).contains(&format!("Usage: store {name} [OPTIONS]")), "{}", text(&own));
    }
}

#[test]
fn a_flag_before_a_command_is_a_usage_error() {
    for arguments in [
        &["--data-dir", "elsewhere", "backup", "there"][..],
        &["backup"],
        &["backup", "there", "--only", "nothing"],
        &["restore", "there", "--orders-listen", "127.0.0.1:0"],
    ] {
        let output = run(|_, _| {}, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output));
        assert!(text(&output).contains("error: "), "{}", text(&output));
    }
}

#[test]
fn a_database_on_a_server_is_not_taken_for_a_file() {
    for command in ["backup", "restore"] {
        let moved = |_: &Path, command: &mut Command| {
            command.env("ORDERS_DATABASE_URL", "postgres://me:sesame@host/orders");
        };
        refuses(
            run(moved, &[command, "there"]),
            "orders has its database on a server, as ORDERS_DATABASE_URL says",
        );
    }
}

#[test]
fn check_tells_which_services_are_ready() {
    let store = Store::start();
    let mut check = command(store.folder.path(), &["check"]);
    // As in an empty image, there are no certificates.
    check.env("SSL_CERT_FILE", "/nowhere").env("SSL_CERT_DIR", "/nowhere");
    for (service, url) in store::services().zip(&store.urls) {
        check.env(format!("{}_LISTEN", service.to_uppercase()), url.trim_start_matches("http://"));
    }
    let output = output_of(&mut check);
    assert!(output.status.success(), "{}", text(&output));
    for (service, url) in store::services().zip(&store.urls) {
        assert!(text(&output).contains(&format!("{service} at {url} is ready.")), "{}", text(&output));
    }

    // A service that somebody stops is not started again.
    crate::signal("TERM", store.service("orders"));
    store.wait_for("the service was stopped, and the others keep running service=orders");
    let output = output_of(&mut check);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("is not ready: Connection refused"), "{}", text(&output));
    // One that is asked for alone.
    let output = output_of(check.arg("products"));
    assert!(output.status.success() && text(&output).lines().count() == 1, "{}", text(&output));
}

/// The services respond only when all of them have been asked.
#[test]
fn check_asks_all_services_at_once() {
    let folder = folder();
    let mut check = command(folder.path(), &["check"]);
    let listeners: Vec<TcpListener> = store::services()
        .map(|service| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            check.env(
                format!("{}_LISTEN", service.to_uppercase()),
                listener.local_addr().unwrap().to_string(),
            );
            listener
        })
        .collect();
    let responding = std::thread::spawn(move || {
        let asked: Vec<TcpStream> = listeners.iter().map(|listener| listener.accept().unwrap().0).collect();
        for mut stream in asked {
            let head = BufReader::new(&stream).lines().map_while(Result::ok);
            head.take_while(|line| !line.is_empty()).for_each(drop);
            // A caller that has given up has left.
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let output = output_of(&mut check);
    assert!(output.status.success(), "{}", text(&output));
    responding.join().unwrap();
}

#[test]
fn a_variable_that_a_command_cannot_use_is_refused_in_the_name_of_the_store() {
    let output = run(
        |_, command| {
            command.env("PRODUCTS_LISTEN", "nowhere");
        },
        &["check"],
    );
    assert!(text(&output).starts_with("store: PRODUCTS_LISTEN is `nowhere`, which cannot be used ("));
    refuses(output, "it has no port");
}

#[test]
fn the_store_can_be_backed_up_and_restored_beside_itself() {
    let store = Store::start();
    let backup = store.folder.path().join("backup");
    let output = output_of(&mut command(store.folder.path(), &["backup", backup.to_str().unwrap()]));
    assert!(output.status.success(), "{}", text(&output));
    let other = folder();
    let output = output_of(&mut command(other.path(), &["restore", backup.to_str().unwrap()]));
    assert!(output.status.success(), "{}", text(&output));
    let output = output_of(&mut command(store.folder.path(), &["restore", backup.to_str().unwrap()]));
    refuses(output, "is in use by another process: stop that process first");
}

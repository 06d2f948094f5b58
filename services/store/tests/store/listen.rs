//! Addresses to listen on.

use std::{
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
};

use crate::{command, end_of, folder, read_until_ready, refuses, run, signal};

/// Starts products at `address`, and returns where it says it is.
fn listens(address: &str) -> String {
    let folder = folder();
    let mut process = command(folder.path(), &["products"])
        .env("PRODUCTS_LISTEN", address)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (lines, _output) = read_until_ready(&mut process);
    signal("TERM", process.id());
    assert!(end_of(process).status.success());
    lines.concat()
}

#[test]
fn a_host_name_is_an_address_to_listen_on() {
    let line = listens("localhost:0");
    assert!(line.starts_with("products is ready at http://127.0.0.1:"), "{line}");
}

#[test]
fn an_ipv6_address_is_an_address_to_listen_on() {
    let (address, service) = ("[::1]:0", ["products"]);
    // On a machine without IPv6, it is understood all the same.
    if TcpListener::bind(address).is_err() {
        let listens = |_: &Path, command: &mut Command| {
            command.env("PRODUCTS_LISTEN", address);
        };
        return refuses(run(listens, &service), "[::1]:0 cannot be bound");
    }
    let line = listens(address);
    assert!(line.starts_with("products is ready at http://[::1]:"), "{line}");
}

#[test]
fn an_address_that_is_not_complete_is_refused_with_an_example() {
    for (address, reason) in [
        ("localhost", "it has no port"),
        ("127.0.0.1", "it has no port"),
        ("5001", "it has no host"),
        (":5001", "it has no host"),
        ("::1:5001", "an IPv6 address is written in brackets"),
        ("::1", "an IPv6 address is written in brackets"),
        ("[::1]", "it has no port"),
        ("[::1]:", "its port is not a number from 0 to 65535"),
        ("127.0.0.1:99999", "its port is not a number from 0 to 65535"),
        ("http://127.0.0.1:5001", "it is a URL"),
    ] {
        for arguments in [&["orders"][..], &[]] {
            let output = run(
                |_, command| {
                    command.env("ORDERS_LISTEN", address);
                },
                arguments,
            );
            let sentence = format!(
                "ORDERS_LISTEN is `{address}`, which cannot be used ({reason}; an address looks like 127.0.0.1:5001, \
                 localhost:5001 or [::1]:5001)"
            );
            refuses(output, &sentence);
        }
    }
}

//! Tokens that are refused at startup, and token files that are reread.

use std::{path::Path, process::Command};

use crate::{Store, refuses, run};

#[test]
fn an_empty_token_is_named() {
    let output = run(
        |_, command| {
            command.env("ORDERS_TOKEN", "");
        },
        &[],
    );
    refuses(output, "ORDERS_TOKEN is empty: set it to the token");
}

#[test]
fn an_invalid_token_is_named_but_not_shown() {
    let output = run(
        |_, command| {
            command.env("PRODUCTS_TOKEN", "my secret token");
        },
        &[],
    );
    assert!(!String::from_utf8_lossy(&output.stderr).contains("my secret"));
    refuses(output, "PRODUCTS_TOKEN is not a bearer token");
}

#[test]
fn a_development_token_is_refused_beyond_loopback() {
    for service in store::services() {
        let variable = format!("{}_TOKEN", service.to_uppercase());
        let listen = format!("--{service}-listen");
        let output = run(|_, _| {}, &[service, &listen, "192.0.2.1:0"]);
        refuses(output, &format!("set {variable} to a secret, or listen on 127.0.0.1"));
    }
    // The token that it sends is checked as well.
    let own = |_: &Path, command: &mut Command| {
        command.env("PAYMENTS_TOKEN", "a-secret-of-its-own");
    };
    refuses(run(own, &["payments", "--payments-listen", "192.0.2.1:0"]), "set ORDERS_TOKEN to a secret");
}

#[test]
fn a_hangup_is_passed_on_to_every_service_even_while_one_is_started_again() {
    let mut store = Store::start();
    crate::signal("KILL", store.service("orders"));
    store.wait_for("the service died");
    store.signal("HUP");
    store.wait_for("ready again service=orders");
    store.signal("HUP");
    for service in store::services() {
        let is_read = |line: &str| line.starts_with(service) && line.contains("no token file is set");
        crate::wait_until(|| store.log().lines().any(is_read), &format!("{service}: {}", store.log()));
    }
    store.signal("TERM");
    assert_eq!(store.exit_code(), Some(0), "{}", store.log());
}

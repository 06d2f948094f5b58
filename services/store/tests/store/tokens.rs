//! Tokens that are refused at the start.

use std::{path::Path, process::Command};

use crate::{refuses, run};

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

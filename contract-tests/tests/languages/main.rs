//! The clients in other languages of `openapi/README.md`: what the page shows is generated, compiled and run against a store:
//! `cargo test --test languages`.
//!
//! It needs npm and Python 3.11 and, for the first run, their registries. A client whose packages cannot be installed is shown as
//! ignored.

#![allow(clippy::disallowed_macros, reason = "a test prints what it finds")]
#![allow(clippy::expect_used, reason = "a test that cannot go on says why by panicking")]

mod client;
mod page;

use std::{
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use contract_tests::{
    engine::{deployment::variable, exchange::Response},
    harness::{proxy::Proxy, store::Store},
};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use serde_json::json;

use crate::{
    client::{Client, succeeded},
    page::Section,
};

/// What is true of a client, and what shows it.
type Check = (&'static str, fn(&Client) -> Result<(), Failed>);

/// What is true of every client.
const CHECKS: [Check; 3] = [
    ("makes_a_purchase", makes_a_purchase),
    ("reports_an_unknown_message_with_its_status", reports_an_unknown_message),
    ("rejects_a_misspelt_message", rejects_a_misspelt_message),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for section in Section::all() {
        let name = section.name.clone();
        // The checks of a client share its folder.
        let client = Arc::new(Mutex::new(Client::new(section)));
        for (check_name, check) in CHECKS {
            let client = client.clone();
            let run = move || {
                let client = client.lock().unwrap_or_else(PoisonError::into_inner);
                if let Err(reason) = client.install() {
                    let reason = reason.lines().find(|line| !line.trim().is_empty());
                    let reason = reason.unwrap_or("nothing says why");
                    return Ok(Completion::ignored_with(format!("it is not installed: {reason}")));
                }
                client.generate()?;
                check(&client).map(|()| Completion::Completed)
            };
            trials.push(Trial::ignorable_test(format!("languages::{name}::{check_name}"), run));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn start() -> (Store, Vec<(String, String)>) {
    let store = Store::start(env!("CARGO_BIN_EXE_store-under-test"), &[]);
    let url = |(service, url): (&str, &str)| (variable(service, "URL"), url.to_owned());
    let addresses = store.services.iter().map(|process| url((process.service(), process.url()))).collect();
    (store, addresses)
}

fn makes_a_purchase(client: &Client) -> Result<(), Failed> {
    let (store, addresses) = start();
    let output = succeeded(client.program(&addresses))?;
    if output != "there are fewer than 21 in stock\norder 1 is PENDING\nthe payment is SUCCESS\n" {
        return Err(output.into());
    }
    let rows = ["products", "orders", "payments"].map(|service| store.rows(service));
    if rows == [1, 1, 1] { Ok(()) } else { Err(format!("stored: {rows:?}").into()) }
}

/// The message of a later version, in a status that is documented, and in one that is not.
fn reports_an_unknown_message(client: &Client) -> Result<(), Failed> {
    let (_store, mut addresses) = start();
    let orders = Proxy::start("orders");
    addresses.push((variable("orders", "URL"), orders.url().to_owned()));
    for status in [409, 429] {
        let response = Response {
            status,
            headers: vec![("Content-Type".into(), "application/json".into())],
            body: json!({ "error": "Warehouse is closed" }).to_string().into(),
        };
        orders.tamper(Some(Arc::new(move |_, _| response.clone())));
        let expected = format!("not ordered: {status} Warehouse is closed");
        match succeeded(client.program(&addresses)) {
            Err(message) if message.contains(&expected) => {}
            other => return Err(format!("not `{expected}`: {other:?}").into()),
        }
    }
    Ok(())
}

/// A compiler finds a misspelt message, or the program fails where it is.
fn rejects_a_misspelt_message(client: &Client) -> Result<(), Failed> {
    let (_store, addresses) = start();
    let messages =
        [("\"Not enough stock\"", "\"Not enough stocks\""), (".NOT_ENOUGH_STOCK", ".NOT_ENOUGH_STOCKS")];
    let misspelt =
        |text: &str| messages.iter().fold(text.to_owned(), |text, (right, wrong)| text.replace(right, wrong));
    let program = client.files().find(|(path, text)| path.contains("buy") && misspelt(text) != *text);
    let (path, text) = program.ok_or("no program has a message")?;
    client.write(path, &misspelt(text));
    let result = succeeded(client.program(&addresses));
    client.write(path, text);
    match result {
        Err(message) if message.contains("Not enough stocks") || message.contains("NOT_ENOUGH_STOCKS") => {
            Ok(())
        }
        other => Err(format!("it was not found: {other:?}").into()),
    }
}

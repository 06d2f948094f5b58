//! The client's examples against a running store. This program is also each of them.

use std::{
    env,
    process::{Command, ExitCode},
    sync::atomic::Ordering,
};

use contract_tests::{
    engine::deployment::variable,
    harness::{ending, store::Store},
};

use crate::{Console, losing_the_first_response};

#[path = "../../../client/examples/buy.rs"]
mod buy;
#[path = "../../../client/examples/errors.rs"]
mod errors;
#[path = "../../../client/examples/retries.rs"]
mod retries;

/// Runs the example with this name, if there is one.
pub(crate) fn example(name: &str) -> Option<ExitCode> {
    match name {
        "buy" => buy::main().unwrap(),
        "errors" => errors::main().unwrap(),
        "retries" => retries::main().unwrap(),
        _ => return None,
    }
    Some(ExitCode::SUCCESS)
}

pub(crate) fn the_purchase_succeeds(Console { store }: &Console) {
    let output = run("buy", store, &[]);
    assert_eq!(
        output,
        "product 1 is called Computer and costs 200\norder 1 is PENDING\npayment 1 is SUCCESS\n"
    );
    assert_eq!(["products", "orders", "payments"].map(|service| store.rows(service)), [1, 1, 1]);
}

pub(crate) fn every_error_is_handled(Console { store }: &Console) {
    let output = run("errors", store, &[]);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.len(), 4, "{output}");
    assert_eq!(lines[0], "error: choose another product, or try again later");
    assert_eq!(lines[1], "not sent: the document does not allow this order");
    assert_eq!(lines[2], "error: check the token");
    assert!(lines[3].starts_with("no response: ") && lines[3].contains("Connection refused"), "{output}");
}

/// The first response is lost, after the product was created.
pub(crate) fn a_retried_create_creates_once(Console { store }: &Console) {
    let (proxy, sent) = losing_the_first_response(store);
    let output = run("retries", store, &[("PRODUCTS_URL", proxy.url())]);
    assert_eq!(
        output,
        "try 1: 502 Bad Gateway, no type, 0 bytes: a body that is not JSON\n\
         product 1 was created once\n"
    );
    assert_eq!((sent.load(Ordering::Relaxed), store.rows("products")), (2, 1));
}

/// The output of an example.
fn run(example: &str, store: &Store, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env::current_exe().unwrap());
    command.arg(example);
    for process in &store.services {
        command.env(variable(process.service(), "URL"), process.url());
    }
    let output = ending::output(command.envs(variables.iter().copied()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

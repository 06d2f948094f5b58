//! The examples against a running store. This test program is also the store's program and each example.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]

use std::{
    env,
    process::{Command, ExitCode},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use contract_tests::{
    exchange::{Answer, Request},
    proxy::Proxy,
    store::{SERVICES, Store, variable},
};
use libtest_mimic::{Arguments, Failed, Trial};

#[path = "../examples/buy.rs"]
mod buy;
#[path = "../examples/errors.rs"]
mod errors;
#[path = "../examples/retries.rs"]
mod retries;

fn main() -> ExitCode {
    match env::args().nth(1).as_deref() {
        Some("buy") => buy::main().unwrap(),
        Some("errors") => errors::main().unwrap(),
        Some("retries") => retries::main().unwrap(),
        Some(service) if SERVICES.contains(&service) => return store::main(env::args_os()),
        _ => return test(),
    }
    ExitCode::SUCCESS
}

fn test() -> ExitCode {
    let cases: [(&str, fn()); 3] = [
        ("the_purchase_succeeds", the_purchase_succeeds),
        ("every_error_is_handled", every_error_is_handled),
        ("a_retried_create_creates_once", a_retried_create_creates_once),
    ];
    let trial = |(name, case): (&str, fn())| {
        Trial::test(format!("examples::{name}"), move || {
            case();
            Ok::<(), Failed>(())
        })
    };
    libtest_mimic::run(&Arguments::from_args(), cases.map(trial).into()).exit_code()
}

fn the_purchase_succeeds() {
    let store = start();
    let output = run("buy", &store, &[]);
    assert_eq!(
        output,
        "product 1 is called Computer and costs 200\norder 1 is PENDING\npayment 1 is SUCCESS\n"
    );
    assert_eq!(SERVICES.map(|service| store.rows(service)), [1, 1, 1]);
}

fn every_error_is_handled() {
    let output = run("errors", &start(), &[]);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.len(), 4, "{output}");
    assert_eq!(lines[0], "error: choose another product, or try again later");
    assert_eq!(lines[1], "not sent: the document does not allow this order");
    assert_eq!(lines[2], "error: check the token");
    assert!(lines[3].starts_with("no response: ") && lines[3].contains("Connection refused"), "{output}");
}

/// The first response is lost, after the product was created.
fn a_retried_create_creates_once() {
    let store = start();
    let proxy = Proxy::start("products");
    proxy.forward_to(store.services[0].url());
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    proxy.tamper(Some(Arc::new(move |request: Request, forward| {
        let answer = forward(&request);
        match counted.fetch_add(1, Ordering::Relaxed) {
            0 => Answer { status: 502, ..Answer::default() },
            _ => answer,
        }
    })));
    let output = run("retries", &store, &[("PRODUCTS_URL", proxy.url())]);
    assert_eq!(output, "try 1: 502 Bad Gateway, which is not documented\nproduct 1 was created once\n");
    assert_eq!((sent.load(Ordering::Relaxed), store.rows("products")), (2, 1));
}

fn start() -> Store {
    Store::start(env::current_exe().unwrap().to_str().unwrap(), &[])
}

/// The output of an example.
fn run(example: &str, store: &Store, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env::current_exe().unwrap());
    command.arg(example);
    for process in &store.services {
        command.env(variable(process.service(), "URL"), process.url());
    }
    let output = command.envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

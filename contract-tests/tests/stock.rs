//! The stock rule and everything else that is true of any store, as properties over three running services:
//! `cargo test -p contract-tests --test stock`.
//!
//! With `PRODUCTS_URL`, `ORDERS_URL` and `PAYMENTS_URL` set, nothing is started and what runs there is judged.
//! `STOCK_CASES` says how many cases of each property are tried; a case that failed is tried again by every later run.

#![allow(clippy::disallowed_macros, reason = "a test prints for people")]

use std::process::ExitCode;

use contract_tests::{
    property::Effort,
    session::Session,
    stock::{PROPERTIES, Property},
    store::{Deployment, Store},
};
use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let elsewhere = match Deployment::from_environment() {
        Ok(elsewhere) => elsewhere,
        Err(sentence) => {
            println!("{sentence}");
            return ExitCode::FAILURE;
        }
    };
    if let Some(deployment) = elsewhere.clone().filter(|_| !arguments.list) {
        println!("judged:\n  {}", Session::new(deployment).subject().join("\n  "));
        // One property at a time, so that none takes the traces of another for those of the store.
        arguments.test_threads = Some(1);
    }
    let cases = contract_tests::store::number("STOCK_CASES", 100);
    let effort = Effort { cases, always_the_same: false };
    let trial = |Property { name, check }| {
        let elsewhere = elsewhere.clone();
        Trial::test(format!("stock::{name}"), move || {
            let started =
                elsewhere.is_none().then(|| Store::start(env!("CARGO_BIN_EXE_store-under-test"), &[]));
            let deployment =
                elsewhere.or_else(|| started.as_ref().map(Store::deployment)).ok_or("no store")?;
            Ok(check(&Session::new(deployment), effort)?)
        })
    };
    libtest_mimic::run(&arguments, PROPERTIES.into_iter().map(trial).collect()).exit_code()
}

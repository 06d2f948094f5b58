//! The stock rule and everything else that is true of any store, as properties over three running services:
//! `cargo test -p contract-tests --test stock`.
//!
//! With `PRODUCTS_URL`, `ORDERS_URL` and `PAYMENTS_URL` set, nothing is started and what runs there is judged.
//! `STOCK_CASES` says how many cases of each property are tried; a case that failed is tried again by every later run.

use std::process::ExitCode;

use contract_tests::{
    engine::{deployment::Deployment, property::Effort, session::Session},
    harness::store::Store,
    suite::stock::{PROPERTIES, Property},
};
use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    if Deployment::from_environment().is_some() {
        // One property at a time, so that none takes the traces of another for those of the store.
        arguments.test_threads = Some(1);
    }
    let cases = contract_tests::harness::environment::number("STOCK_CASES", 100);
    let effort = Effort { cases, always_the_same: false };
    let trial = |Property { name, check }| {
        Trial::test(format!("stock::{name}"), move || {
            let elsewhere = Deployment::from_environment();
            let started =
                elsewhere.is_none().then(|| Store::start(env!("CARGO_BIN_EXE_store-under-test"), &[]));
            let deployment =
                elsewhere.or_else(|| started.as_ref().map(Store::deployment)).ok_or("no store")?;
            Ok(check(&Session::new(deployment), effort)?)
        })
    };
    libtest_mimic::run(&arguments, PROPERTIES.into_iter().map(trial).collect()).exit_code()
}

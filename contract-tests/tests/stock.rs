//! The stock rule and everything else that is true of any store, as properties over running services:
//! `cargo test --test stock`.
//!
//! With `PRODUCTS_URL`, `ORDERS_URL` and `PAYMENTS_URL` set, it starts nothing and tests the services at these addresses.
//! `STOCK_CASES` sets how many cases of each property are tried; every later run retries a case that failed.

#![allow(clippy::disallowed_macros, reason = "a test prints for people")]

use std::process::ExitCode;

use contract_tests::{
    engine::{
        deployment::Deployment,
        property::Effort,
        replay::case::Finding,
        session::{Scope, Session},
    },
    harness::{environment::number, store::Store},
    suite::{
        judged,
        stock::{PROPERTIES, Property},
    },
};
use libtest_mimic::{Arguments, Completion, Trial};

const PROGRAM: &str = env!("CARGO_BIN_EXE_store-under-test");

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let elsewhere = match Deployment::from_environment() {
        Ok(elsewhere) => elsewhere,
        Err(sentence) => {
            println!("{sentence}");
            return ExitCode::FAILURE;
        }
    };
    let mut scope = Scope::Whole;
    if let Some(elsewhere) = &elsewhere {
        // One property at a time, so that none takes the traces of another for those of the store.
        arguments.test_threads = Some(1);
        if !arguments.list {
            let session = Session::new(elsewhere.clone());
            match judged::lines(&session, judged::UNKNOWN) {
                Ok(lines) => judged::tell(|| lines),
                Err(sentence) => {
                    println!("{sentence}");
                    return ExitCode::FAILURE;
                }
            }
            scope = session.scope;
        }
    } else if !arguments.list {
        judged::tell(judged::of_new_stores);
    }
    let effort = Effort { cases: number("STOCK_CASES", 100), always_the_same: false };
    let trial = |Property { name, scope: needed, check }| {
        let elsewhere = elsewhere.clone();
        let check = move || {
            let started = elsewhere.is_none().then(|| Store::start(PROGRAM, &[]));
            let deployment =
                elsewhere.or_else(|| started.as_ref().map(Store::deployment)).ok_or("no store")?;
            Ok(match check(&Session::new(deployment), effort)? {
                Finding::Kept => Completion::Completed,
                Finding::NotJudged(why) => Completion::ignored_with(why),
            })
        };
        let is_asked = scope == Scope::Whole || needed == Scope::Common;
        Trial::ignorable_test(format!("stock::{name}"), check).with_ignored_flag(!is_asked)
    };
    libtest_mimic::run(&arguments, PROPERTIES.map(trial).into()).exit_code()
}

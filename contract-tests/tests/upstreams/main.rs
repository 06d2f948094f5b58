//! An upstream that fails in every way: the caller gets the documented 400 in time, nothing is stored, the log has the cause, and
//! the service recovers with its upstream: `cargo test --test upstreams`.

#![allow(clippy::expect_used, reason = "a test that cannot go on says why by panicking")]

mod failures;
mod shared;
mod waiting;

use std::{process::ExitCode, thread, time::Duration};

use contract_tests::{
    engine::{
        deployment::{Deployment, SERVICES, asked_by, variable},
        edges::{self, Edge},
        session::Session,
    },
    harness::{
        process,
        store::Store,
        upstream::{FakeUpstream, FaultMode},
    },
    suite::judged,
};
use libtest_mimic::{Arguments, Failed, Trial};

/// Three seconds, and what it takes to say so.
const IN_TIME: Duration = Duration::from_millis(3500);

const PROGRAM: &str = env!("CARGO_BIN_EXE_store-under-test");

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    if !arguments.list {
        judged::tell(judged::of_new_stores);
    }
    // They wait more than they work, but some measure how long.
    let processors = thread::available_parallelism().map_or(1, usize::from);
    arguments.test_threads.get_or_insert(2 * processors);
    let mut trials = Vec::new();
    let edges: &'static [Result<Edge, String>] = Vec::leak(edges::all());
    for sentence in edges.iter().filter_map(|edge| edge.as_ref().err()) {
        trials.push(Trial::test("upstreams::every_edge_is_in_the_documents", move || Err(sentence.into())));
    }
    for service in SERVICES.iter() {
        let name = format!("upstreams::{service}::asks_whom_the_description_says");
        trials.push(Trial::test(name, move || asks_whom_it_says(service)));
    }
    for edge in edges.iter().flatten() {
        for (name, mode, cause) in failures::FAILURES {
            let name = format!("upstreams::{}::asks_one_that_{name}", edge.service);
            trials.push(Trial::test(name, move || failures::fails(edge, mode, cause)));
        }
        for (name, mode) in [
            ("breaks_off_once", FaultMode::BreaksOffOnce),
            ("is_full_once", FaultMode::IsFullOnce),
            ("hangs_up_between_requests", FaultMode::HangsUp),
            ("resets_between_requests", FaultMode::Resets),
        ] {
            let name = format!("upstreams::{}::asks_one_that_{name}_again", edge.service);
            trials.push(Trial::test(name, move || failures::works(edge, mode)));
        }
    }
    for edge in edges.iter().flatten() {
        for (name, at_once) in [("one_caller", 1), ("twenty_callers", 20)] {
            let name = format!(
                "upstreams::{}::asks_one_that_fell_silent_for_{name}_on_new_connections",
                edge.service
            );
            trials.push(Trial::test(name, move || waiting::falls_silent(edge, at_once)));
        }
        let name = format!("upstreams::{}::asks_one_that_is_full_when_it_says", edge.service);
        trials.push(Trial::test(name, move || waiting::is_full(edge)));
        let name = format!("upstreams::{}::asks_one_that_is_slow_on_a_second_connection_once", edge.service);
        trials.push(Trial::test(name, move || waiting::is_slow(edge)));
        let name = format!("upstreams::{}::takes_not_found_for_an_answer", edge.service);
        trials.push(Trial::test(name, move || failures::finds_nothing(edge)));
        let name = format!("upstreams::{}::asks_once_for_callers_that_come_together", edge.service);
        trials.push(Trial::test(name, move || shared::asks_once(edge)));
        let name = format!("upstreams::{}::asks_no_longer_than_its_caller_waits", edge.service);
        trials.push(Trial::test(name, move || waiting::asks_no_longer(edge)));
    }
    trials.push(Trial::test("upstreams::orders::goes_on_while_products_says_nothing", || {
        waiting::goes_on(
            edges.iter().flatten().find(|edge| edge.service == "orders").ok_or("orders asks no service")?,
        )
    }));
    trials.push(Trial::test(
        "upstreams::orders::decides_by_no_stock_that_was_replaced_before_the_order",
        shared::decides_by_no_old_stock,
    ));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn start(edge: &Edge, upstream: &FakeUpstream) -> (Store, Session) {
    let url = upstream.url();
    Store::start_with_session(PROGRAM, &[(&variable(edge.upstream, "URL"), &url)])
}

/// The upstreams of a service are those that the workflows' description names, at the addresses that their documents name.
fn asks_whom_it_says(service: &str) -> Result<(), Failed> {
    let help = process::help(PROGRAM, service);
    let development = Deployment::default();
    for other in SERVICES.iter().filter(|other| **other != service) {
        let setting = format!("[env: {}=]", variable(other, "URL"));
        let asks = help.split_once(&setting).map(|(_, rest)| rest.lines().nth(1).unwrap_or_default().trim());
        let says = asked_by(service).any(|asked| asked == *other);
        if asks.is_some() != says {
            return Err(format!(
                "{service} {} {other}, and x-asks in openapi/store.arazzo.yaml says otherwise",
                if says { "does not ask" } else { "asks" }
            )
            .into());
        }
        let address = development.service(other).url.replace("localhost", "127.0.0.1");
        if let Some(asks) = asks.filter(|asks| *asks != format!("[default: {address}]")) {
            return Err(format!("{service} asks {other} at {asks}, and it is at {address}").into());
        }
    }
    Ok(())
}

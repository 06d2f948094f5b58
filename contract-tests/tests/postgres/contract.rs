//! The contract, tested on one instance of each service.

use contract_tests::{
    engine::{
        contract::CONTRACT,
        deployment::SERVICES,
        property::Effort,
        replay::{case::Finding, cases, promises, situations, workflows},
        session::Session,
    },
    harness::store::Store,
    suite::stock::PROPERTIES,
};

use crate::PROGRAM;

/// A case that is about the connection, which a balancer that reads whole requests does not pass on.
const OF_THE_CONNECTION: &str = "with_a_body_that_never_ends";

/// Plays every workflow, and checks every generated case and promise.
pub(crate) fn replay(session: &Session, is_balanced: bool) {
    let mut failures = Vec::new();
    for (workflow, steps) in workflows::all() {
        let played = workflows::play(workflow, session);
        failures.extend(played.iter().filter_map(|one| Some(one.outcome.as_ref().err()?.to_string())));
        let missing = steps.into_iter().filter(|step| !played.iter().any(|one| one.label.is(workflow, step)));
        failures.extend(missing.map(|step| format!("{workflow}: {step} was not reached")));
    }
    let cases = cases::cases(&session.deployment);
    assert!(cases.len() > 100, "{} cases", cases.len());
    let asked = cases.iter().filter(|case| !is_balanced || !case.name.ends_with(OF_THE_CONNECTION));
    failures.extend(asked.filter_map(|case| Some(format!("{}: {}", case.name, case.check(session).err()?))));
    let promises = promises::all();
    failures.extend(
        promises.filter_map(|promise| Some(format!("{}: {}", promise.name, promise.check(session).err()?))),
    );
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// Tries every property of the stock.
pub(crate) fn properties(session: &Session) {
    for property in &PROPERTIES {
        let effort = Effort { cases: 12, always_the_same: false };
        assert_eq!((property.check)(session, effort), Ok(Finding::Kept), "{}", property.name);
    }
}

pub(crate) fn every_workflow_and_generated_case_passes() {
    let store = Store::on_postgres(PROGRAM, &[]);
    replay(&Session::new(store.deployment()), false);
    store.check_logs();
}

pub(crate) fn every_property_of_the_stock_holds() {
    let store = Store::on_postgres(PROGRAM, &[]);
    properties(&Session::new(store.deployment()));
}

pub(crate) fn operations_fail_without_their_table_and_go_on_with_it() {
    for service in SERVICES.iter().copied() {
        let store = Store::on_postgres(PROGRAM, &[("RUST_LOG", "off")]);
        let session = Session::new(store.deployment());
        situations::prepare(&session).unwrap();
        situations::failing_without_a_table(service, &session, || store.take_table(service)).unwrap();
    }
}

pub(crate) fn a_key_in_flight_is_refused() {
    for operation in CONTRACT.operations().filter(|operation| operation.accepts_key) {
        let store = Store::on_postgres(PROGRAM, &[]);
        let session = Session::new(store.deployment());
        situations::prepare(&session).unwrap();
        let locked = store.lock(operation.service);
        situations::refused_while_in_flight(operation, &session, locked).unwrap();
    }
}

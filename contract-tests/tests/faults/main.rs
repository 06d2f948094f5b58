//! Tests the suite itself: injects one fault after the other in front of real services, and the replay and the properties must
//! notice each: `cargo test --test faults`.
//!
//! `detectors.txt` names the test that detects each hand-written fault. A fault that is generated from a document must be noticed
//! by a step, a case or a property that calls the same service, unless `absentees.txt` says that no request triggers the fault.
//! `UPDATE=1` regenerates both lists.

#![allow(clippy::disallowed_macros, reason = "a test prints what it finds")]
#![allow(clippy::expect_used, reason = "a test that cannot go on says why by panicking")]

mod lists;
mod workshop;

use std::{
    env,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use contract_tests::{
    engine::{
        contract::{CONTRACT, Operation},
        deployment::Deployment,
        exchange::{Request, Response},
        faults::{
            fault::{Fault, Forward, Place, Tamper, observed},
            generic::{self, Generic},
        },
    },
    suite::{faults, judged},
};
use libtest_mimic::{Arguments, Failed, Trial};

use self::{
    lists::Lists,
    workshop::{Bench, Workshop},
};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if !arguments.list {
        judged::tell(judged::of_new_stores);
    }
    let is_update = env::var("UPDATE").is_ok_and(|update| update == "1");
    let workshop = Arc::new(Workshop::default());
    let (faults, generated) = (faults::all(), generic::all(&Deployment::default()));
    let names = |faults: &mut dyn Iterator<Item = &Fault>| faults.map(|fault| fault.name.clone()).collect();
    let lists = Lists::read(
        names(&mut faults.iter()),
        names(&mut generated.iter().map(|generic| &generic.fault)),
        is_update,
    );
    let lists = Arc::new(lists);

    let gone = lists.gone();
    let mut trials = vec![
        unnoticed(workshop.clone()),
        Trial::test("faults::every_fault_in_a_list_is_known", move || Ok(gone?)),
        has_faults(&generated),
        Trial::test("faults::a_service_that_has_died_notices_nothing", died),
    ];
    for Generic { fault, operation, .. } in generated {
        let (workshop, lists) = (workshop.clone(), lists.clone());
        trials.push(Trial::test(trial_name(&fault), move || {
            let came_about = Arc::new(AtomicBool::new(false));
            let tamper = observed(fault.tamper, came_about.clone());
            let noticed = workshop.notice(Some((fault.place, tamper)), Some(operation))?;
            let is_absent = noticed.is_none() && !came_about.load(Ordering::Relaxed);
            lists.is_absent(&fault.name, is_absent)?;
            match noticed {
                None if is_absent => Ok(()),
                None => Err("nothing noticed it".into()),
                Some(noticed) if noticed.asked_there => Ok(()),
                Some(noticed) => {
                    Err(format!("a request to the service itself should notice it; {noticed}").into())
                }
            }
        }));
    }
    for fault in faults {
        let (workshop, lists) = (workshop.clone(), lists.clone());
        trials.push(Trial::test(trial_name(&fault), move || {
            let noticed = workshop.notice(Some((fault.place, fault.tamper)), None)?;
            let noticed = noticed.ok_or("nothing noticed it")?;
            Ok(lists
                .is_noticed(&fault.name, &noticed.by)
                .map_err(|sentence| format!("{sentence}; {noticed}"))?)
        }));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    lists.conclude();
    conclusion.exit_code()
}

fn trial_name(fault: &Fault) -> String {
    format!("faults::{}", fault.name.replace('`', "").replace([' ', '\''], "_"))
}

/// A suite that fails without a fault would prove nothing by failing with one.
fn unnoticed(workshop: Arc<Workshop>) -> Trial {
    Trial::test("faults::without_a_fault_nothing_is_noticed", move || match workshop.notice(None, None)? {
        None => Ok(()),
        Some(noticed) => Err(noticed.to_string().into()),
    })
}

/// An operation that no fault is tried on would be judged by a suite that was not tried.
fn has_faults(generated: &[Generic]) -> Trial {
    let has_one = |operation: &Operation| generated.iter().any(|one| std::ptr::eq(one.operation, operation));
    let without = CONTRACT.operations().filter(|operation| !has_one(operation));
    let without: Vec<&str> = without.map(|operation| operation.id.as_str()).collect();
    let outcome = if without.is_empty() { Ok(()) } else { Err(without.join(", ")) };
    Trial::test("faults::every_operation_has_faults", move || Ok(outcome?))
}

/// What fails because a service has died says nothing of a fault.
fn died() -> Result<(), Failed> {
    fn fails(_: Request, _: Forward<'_>) -> Response {
        Response { status: 500, ..Response::default() }
    }
    let fault = || Some((Place::Before("products"), Arc::new(fails) as Tamper));
    let mut bench = Bench::new();
    let noticed = bench.notice(fault(), None)?;
    assert!(noticed.is_some(), "it is noticed while all services live");
    bench.store.service("products").kill();
    match bench.notice(fault(), None) {
        Err(sentence) if sentence.contains("fails without the fault, too") => Ok(()),
        Err(sentence) => Err(sentence.into()),
        Ok(_) => Err("a service that has died counts as a notice".into()),
    }
}

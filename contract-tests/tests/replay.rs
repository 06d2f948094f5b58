//! Every documented request is replayed against running services: `cargo test --test replay`.
//!
//! With `PRODUCTS_URL`, `ORDERS_URL` and `PAYMENTS_URL` set, it starts nothing and tests the services at these addresses. A store
//! that serves no documents is tested only against the original contract; all other tests are shown as ignored.

#![allow(clippy::disallowed_macros, reason = "a test prints what it finds")]
#![allow(clippy::expect_used, reason = "a test that cannot go on says why by panicking")]

use std::{
    env, fs,
    process::{Command, ExitCode},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use contract_tests::{
    engine::{
        contract::{CONTRACT, Operation},
        deployment::{Deployment, SERVICES, variable},
        ledger,
        replay::{
            case::{Case, Finding},
            cases,
            promises::{self, Promise},
            situations,
            workflows::{self, Played},
        },
        session::{Scope, Session},
    },
    harness::{
        ending,
        folders::results,
        store::{Store, engine},
    },
    suite::{judged, specmatic},
};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

const PROGRAM: &str = env!("CARGO_BIN_EXE_store-under-test");

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let elsewhere = match Deployment::from_environment() {
        Ok(elsewhere) => elsewhere,
        Err(sentence) => {
            println!("{sentence}");
            return ExitCode::FAILURE;
        }
    };
    // To list the tests, nothing is started and nothing is sent.
    let is_ours = elsewhere.is_none();
    let started = (is_ours && !arguments.list).then(|| Store::start(PROGRAM, &[]));
    let deployment = elsewhere.or_else(|| started.as_ref().map(Store::deployment));
    let session = match deployment {
        Some(deployment) if !arguments.list => Session::new(deployment),
        deployment => Session::with_scope(deployment.unwrap_or_default(), Scope::Whole),
    };
    let session = Arc::new(session);
    let mut subject = Vec::new();
    if !arguments.list {
        let engine = if is_ours { engine() } else { judged::UNKNOWN.to_owned() };
        subject = match judged::lines(&session, &engine) {
            Ok(lines) => lines,
            Err(sentence) => {
                println!("{sentence}");
                return ExitCode::FAILURE;
            }
        };
        judged::tell(|| subject.clone());
        // What an earlier run saw says nothing of this one.
        ledger::remove(&results()).expect("the ledger of an earlier run is removed");
    }

    let mut trials = before_anything_else(&session, is_ours);
    trials.push(Trial::test(
        "replay::a_deployment_that_is_not_there_is_named_and_not_judged",
        names_who_is_silent,
    ));
    trials.push(
        Trial::test("replay::a_part_of_it_leaves_no_ledger_of_an_earlier_run", leaves_no_ledger)
            .with_ignored_flag(!is_ours),
    );
    trials.extend(steps(&session));
    trials.extend(cases(&session));
    trials.extend(promises(&session));
    // These need a store of their own, with settings of its own.
    trials.push(overload(&session).with_ignored_flag(!is_ours));
    trials.extend(in_flight(&session).into_iter().map(|trial| trial.with_ignored_flag(!is_ours)));
    trials.extend(without_a_table(&session).into_iter().map(|trial| trial.with_ignored_flag(!is_ours)));
    trials.push(for_another_judge().with_ignored_flag(!is_ours));
    let is_whole = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.ignored;
    let is_listed = arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials);

    if let Some(started) = &started {
        started.check_logs();
    }
    match is_whole {
        _ if is_listed => {}
        false => println!("A part was run, so there is no ledger."),
        true => {
            let ledger = session.ledger.lock().expect("the ledger");
            ledger.write(&results(), &subject).expect("the ledger is written");
            print!("{}", ledger.table());
            println!("as a page: target/contract/index.html");
            // Some responses take a store with settings of its own.
            let complaints = if is_ours { ledger.complaints() } else { Vec::new() };
            complaints.iter().for_each(|complaint| println!("ledger: {complaint}"));
            if !complaints.is_empty() {
                return ExitCode::FAILURE;
            }
        }
    }
    conclusion.exit_code()
}

/// This program as somebody would run it, until it ends.
fn run(arguments: &[&str], variables: &[(String, &str)]) -> (bool, String) {
    let mut command = Command::new(env::current_exe().expect("the path of this program"));
    let output = ending::output(command.args(arguments).envs(variables.iter().cloned()));
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Its tests would all fail for one reason.
fn names_who_is_silent() -> Result<(), Failed> {
    let nowhere: Vec<(String, &str)> =
        SERVICES.iter().map(|service| (variable(service, "URL"), "http://127.0.0.1:1")).collect();
    let (succeeds, said) = run(&[], &nowhere);
    let sentence = "No response from products at http://127.0.0.1:1, orders at http://127.0.0.1:1, ";
    match !succeeds && said.starts_with(sentence) && said.lines().count() == 1 {
        true => Ok(()),
        false => Err(said.into()),
    }
}

fn leaves_no_ledger() -> Result<(), Failed> {
    let page = results().join("index.html");
    fs::write(&page, "of an earlier run")?;
    let (succeeds, said) = run(&["no_test_is_called_like_this"], &[]);
    match succeeds && said.contains("A part was run, so there is no ledger.") && !page.exists() {
        true => Ok(()),
        false => Err(said.into()),
    }
}

/// A test for each step of each workflow. The workflow is played once, by the first of them that runs.
fn steps(session: &Arc<Session>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (workflow, steps) in workflows::all() {
        let is_asked = workflows::is_asked(workflow, session.scope);
        let played: Arc<OnceLock<Vec<Played>>> = Arc::default();
        let is_told: Arc<AtomicBool> = Arc::default();
        for step in steps {
            let (session, played, is_told) = (session.clone(), played.clone(), is_told.clone());
            let check = move || {
                let played = played.get_or_init(|| workflows::play(workflow, &session));
                let mut outcomes = played.iter().filter(|one| one.label.is(workflow, step)).peekable();
                if outcomes.peek().is_some() {
                    let failure = outcomes.find_map(|one| one.outcome.as_ref().err());
                    return failure.map_or(Ok(Completion::Completed), |failure| Err(failure.into()));
                }
                // One of them says it for all, and fails, so that a run of these alone does not pass.
                if is_told.swap(true, Ordering::Relaxed) {
                    return Ok(Completion::ignored_with("not reached"));
                }
                let last = played.last().map_or("nothing", |one| one.label.step.as_str());
                Err(format!("{workflow} ends at {last}, so those after it were not reached").into())
            };
            let name = format!("replay::{workflow}::{step}");
            trials.push(Trial::ignorable_test(name, check).with_ignored_flag(!is_asked));
        }
    }
    trials
}

/// A test for each case that the documents give rise to.
fn cases(session: &Arc<Session>) -> Vec<Trial> {
    let trial = |case: Case| {
        let session = session.clone();
        let name = format!("replay::{}", case.name);
        let is_asked = case.is_common || session.scope == Scope::Whole;
        Trial::ignorable_test(name, move || case.check(&session).map(completion).map_err(Failed::from))
            .with_ignored_flag(!is_asked)
    };
    cases::cases(&session.deployment).into_iter().map(trial).collect()
}

/// What cannot be judged, such as another implementation that refuses an example, is shown as ignored.
fn completion(finding: Finding) -> Completion {
    match finding {
        Finding::Kept => Completion::Completed,
        Finding::NotJudged(why) => Completion::ignored_with(why),
    }
}

/// A test for each promise that takes more than one request to see.
fn promises(session: &Arc<Session>) -> Vec<Trial> {
    let trial = |promise: Promise| {
        let session = session.clone();
        let name = format!("replay::{}", promise.name);
        let is_asked = session.scope == Scope::Whole;
        Trial::ignorable_test(name, move || promise.check(&session).map(completion).map_err(Failed::from))
            .with_ignored_flag(!is_asked)
    };
    promises::all().map(trial).collect()
}

/// Each list as it is before anything else is asked: of a fresh store, empty.
fn before_anything_else(session: &Arc<Session>, is_ours: bool) -> Vec<Trial> {
    let listing = CONTRACT.operations().filter(|operation| operation.lists());
    listing.map(|operation| list_before_anything_else(session, operation, is_ours)).collect()
}

fn list_before_anything_else(session: &Arc<Session>, operation: &'static Operation, is_ours: bool) -> Trial {
    let session = session.clone();
    Trial::test(format!("replay::{}::before_anything_else", operation.id), move || {
        let list = |session: &Session, is_empty: bool| {
            let request = session.request(operation.service, "GET", &operation.template);
            let response = session.expect(&request, 200, None)?;
            match response.body.as_slice() {
                body if is_empty && body != b"[]" => Err(session.failure(&request, &response, "[]")),
                _ => Ok(()),
            }
        };
        if !is_ours {
            return Ok(list(&session, false)?);
        }
        let (_store, new) = Store::start_with_session(PROGRAM, &[]);
        Ok(list(&new.writing_in(session.ledger.clone()), true)?)
    })
}

/// Every operation that can be repeated safely, while the first request is in flight.
fn in_flight(session: &Arc<Session>) -> Vec<Trial> {
    let trial = |operation: &'static Operation| {
        let session = session.clone();
        Trial::test(format!("replay::{}::while_the_first_is_in_flight", operation.id), move || {
            let store = Store::start(PROGRAM, &[]);
            let session = Session::new(store.deployment()).writing_in(session.ledger.clone());
            situations::prepare(&session)?;
            let locked = store.lock(operation.service);
            situations::refused_while_in_flight(operation, &session, locked)?;
            Ok(())
        })
    };
    CONTRACT.operations().filter(|operation| operation.accepts_key).map(trial).collect()
}

/// Every operation of a service whose table another program has taken away fails, and goes on when it is back.
fn without_a_table(session: &Arc<Session>) -> Vec<Trial> {
    let trial = |service: &'static str| {
        let session = session.clone();
        Trial::test(format!("replay::{service}::while_its_table_is_gone"), move || {
            let store = Store::start(PROGRAM, &[("RUST_LOG", "off")]);
            let session = Session::new(store.deployment()).writing_in(session.ledger.clone());
            situations::prepare(&session)?;
            Ok(situations::failing_without_a_table(service, &session, || store.take_table(service))?)
        })
    };
    SERVICES.iter().copied().map(trial).collect()
}

/// Every operation of a store that takes on one request at a time, and has one.
fn overload(session: &Arc<Session>) -> Trial {
    let session = session.clone();
    Trial::test("replay::every_operation::while_the_service_is_full", move || {
        let store = Store::start(PROGRAM, &[("MAX_REQUESTS", "1"), ("BODY_TIMEOUT", "10s")]);
        let full = Session::new(store.deployment()).writing_in(session.ledger.clone());
        Ok(CONTRACT
            .documents
            .iter()
            .try_for_each(|document| situations::refused_while_full(document, &full).map(drop))?)
    })
}

/// Records the projects for Specmatic. Each documented response has an example that fits.
fn for_another_judge() -> Trial {
    Trial::test("replay::specmatic::every_answer_of_part_1_has_an_example_that_fits", || {
        let projects = specmatic::record(PROGRAM)?;
        let complaints = specmatic::complaints(&projects);
        if !complaints.is_empty() {
            return Err(complaints.join("\n").into());
        }
        specmatic::write(&projects);
        Ok(())
    })
}

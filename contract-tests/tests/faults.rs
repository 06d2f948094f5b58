//! Tests the suite itself: one fault after the other is put before real services, and the replay and the properties must notice
//! each: `cargo test -p contract-tests --test faults`.
//!
//! `detectors.txt` names the detector of each fault that is made by hand. `UPDATE=1` writes it anew. A fault that is made from a
//! document must be noticed by a step, a case or a property that asks the very service.

#![allow(clippy::disallowed_macros, reason = "a test prints what it finds")]
#![allow(clippy::expect_used, reason = "a test that cannot go on says why by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fmt, fs,
    process::ExitCode,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use contract_tests::{
    engine::{
        contract::{CONTRACT, Operation},
        deployment::{Deployment, SERVICES, asked_by, variable},
        exchange::Delivery,
        faults::{
            fault::{Fault, Place, Tamper, observed},
            generic::{self, Generic},
        },
        property::Effort,
        replay::{cases, promises, situations, workflows},
        session::{Scope, Session},
    },
    harness::{proxy::Proxy, store::Store},
    suite::{
        faults,
        stock::{PROPERTIES, Property},
    },
};
use libtest_mimic::{Arguments, Completion, Trial};
use serde_json::json;

/// The detector of each fault, a line each. A failure elsewhere, such as a flake, is no detection.
const DETECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/detectors.txt");

/// Few cases suffice to notice a fault, and the same ones every time.
const EFFORT: Effort = Effort { cases: 24, always_the_same: true };

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let is_update = env::var("UPDATE").is_ok_and(|update| update == "1");
    let detectors = Arc::new(detectors());
    let workshop = Arc::new(Workshop::default());
    let (faults, generated) = (faults::all(), generic::all(&Deployment::default()));

    let known: BTreeSet<String> = faults.iter().map(|fault| fault.name.clone()).collect();
    let mut trials = vec![unnoticed(workshop.clone()), no_others(&detectors, &known), has_faults(&generated)];
    for Generic { fault, .. } in generated {
        let workshop = workshop.clone();
        trials.push(Trial::ignorable_test(trial_name(&fault), move || {
            let came_about = Arc::new(AtomicBool::new(false));
            let tamper = observed(fault.tamper, came_about.clone());
            match workshop.notice(Some((fault.place, tamper))) {
                None if !came_about.load(Ordering::Relaxed) => {
                    Ok(Completion::ignored_with("no request through a proxy brings it about"))
                }
                None => Err("nothing noticed it".into()),
                Some(noticed) if noticed.asked_there => Ok(Completion::Completed),
                Some(noticed) => {
                    Err(format!("a request to the service itself should notice it; {noticed}").into())
                }
            }
        }));
    }
    for fault in faults {
        let (workshop, detectors) = (workshop.clone(), detectors.clone());
        trials.push(Trial::test(trial_name(&fault), move || {
            let Some(noticed) = workshop.notice(Some((fault.place, fault.tamper))) else {
                return Err("nothing noticed it".into());
            };
            let expected = detectors.get(&fault.name).map_or("none that is in the list", String::as_str);
            workshop.noticed.lock().expect("the list").insert(fault.name, noticed.by.clone());
            match noticed.by == expected || is_update {
                true => Ok(()),
                false => Err(format!("it should be noticed by {expected}; {noticed}").into()),
            }
        }));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);

    let noticed = workshop.noticed.lock().expect("the list");
    let lines = noticed.iter().map(|(fault, by)| format!("{fault:<COLUMN$}{by}\n")).collect::<String>();
    print!("{lines}");
    // A run of a part of the faults leaves the list as it is.
    if is_update && noticed.len() == known.len() {
        fs::write(DETECTORS, lines).expect("the list is written");
        for (fault, by) in noticed.iter() {
            match detectors.get(fault) {
                Some(before) if before != by => {
                    println!("another detector: \"{fault}\" was noticed by {before}, and is by {by}");
                }
                _ => {}
            }
        }
    }
    conclusion.exit_code()
}

/// How many things of each kind there are before any fault.
const PURCHASES: usize = 10;

/// Where the second column of the list begins.
const COLUMN: usize = 72;

/// What has to notice each fault, by its name.
fn detectors() -> BTreeMap<String, String> {
    let list = fs::read_to_string(DETECTORS).unwrap_or_default();
    let pair = |line: &str| {
        let (fault, by) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{DETECTORS}: `{line}`"));
        (fault.trim_end().to_owned(), by.to_owned())
    };
    list.lines().map(pair).collect()
}

/// A suite that fails without a fault would prove nothing by failing with one.
fn unnoticed(workshop: Arc<Workshop>) -> Trial {
    Trial::test("faults::without_a_fault_nothing_is_noticed", move || {
        workshop.notice(None).map_or(Ok(()), |noticed| Err(noticed.to_string().into()))
    })
}

fn trial_name(fault: &Fault) -> String {
    format!("faults::{}", fault.name.replace('`', "").replace([' ', '\''], "_"))
}

/// An operation that no fault is tried on would be judged by a suite that was not tried.
fn has_faults(generated: &[Generic]) -> Trial {
    let has_one = |operation: &Operation| generated.iter().any(|one| std::ptr::eq(one.operation, operation));
    let without = CONTRACT.operations().filter(|operation| !has_one(operation));
    let without: Vec<&str> = without.map(|operation| operation.id.as_str()).collect();
    let outcome = if without.is_empty() { Ok(()) } else { Err(without.join(", ")) };
    Trial::test("faults::every_operation_has_faults", move || Ok(outcome?))
}

fn no_others(detectors: &BTreeMap<String, String>, known: &BTreeSet<String>) -> Trial {
    let gone: Vec<String> = detectors.keys().filter(|fault| !known.contains(*fault)).cloned().collect();
    Trial::test("faults::every_fault_in_the_list_of_detectors_is_known", move || match gone.is_empty() {
        true => Ok(()),
        false => Err(format!("in detectors.txt, but no fault: {}", gone.join(", ")).into()),
    })
}

/// Stores with proxies before and between their services, as many as tests run at once.
#[derive(Default)]
struct Workshop {
    benches: Mutex<Vec<Bench>>,
    /// What noticed each fault, by its name.
    noticed: Mutex<BTreeMap<String, String>>,
}

/// A store with proxies before its services, and between them.
struct Bench {
    store: Store,
    /// A proxy before each service.
    before: BTreeMap<&'static str, Proxy>,
    /// A proxy between each service that is asked and those that ask it.
    between: BTreeMap<&'static str, Proxy>,
}

impl Workshop {
    /// What the suite notices first, with this fault in place.
    fn notice(&self, fault: Option<(Place, Tamper)>) -> Option<Noticed> {
        let bench = self.benches.lock().expect("the benches").pop().unwrap_or_else(Bench::new);
        let proxy = fault.map(|(place, tamper)| {
            let proxy = bench.proxy(place);
            proxy.tamper(Some(tamper));
            proxy
        });
        let mut noticed = first_failure(&Session::new(bench.deployment()));
        if let (Some(noticed), Some(proxy)) = (&mut noticed, proxy) {
            noticed.asked_there = noticed.why.contains(proxy.url());
        }
        proxy.inspect(|proxy| proxy.tamper(None));
        self.benches.lock().expect("the benches").push(bench);
        noticed
    }
}

impl Bench {
    fn new() -> Self {
        let proxy = |service: &'static str| (service, Proxy::start(service));
        let before: BTreeMap<_, _> = SERVICES.iter().copied().map(proxy).collect();
        let asked = SERVICES.iter().flat_map(|service| asked_by(service));
        let between: BTreeMap<_, _> = asked.map(proxy).collect();
        let settings: Vec<(String, &str)> =
            between.iter().map(|(service, proxy)| (variable(service, "URL"), proxy.url())).collect();
        let settings: Vec<(&str, &str)> =
            settings.iter().map(|(variable, url)| (variable.as_str(), *url)).collect();
        let store = Store::start(env!("CARGO_BIN_EXE_store-under-test"), &settings);
        for process in &store.services {
            before[process.service()].forward_to(process.url());
            if let Some(proxy) = between.get(process.service()) {
                proxy.forward_to(process.url());
            }
        }
        // What notices a fault must not depend on how many others were tried before.
        let session = Session::new(store.deployment());
        for _ in 0..PURCHASES {
            situations::prepare(&session).expect("a product, an order and a payment");
        }
        let product = json!({ "name": "Fraction", "price": 19.99, "stock": 20 });
        let create = session.request("products", "POST", "/products").json(&product);
        session.expect(&create, 201, None).expect("a product whose price has a fraction");
        Self { store, before, between }
    }

    fn proxy(&self, place: Place) -> &Proxy {
        match place {
            Place::Before(service) => &self.before[service],
            Place::Between(service) => &self.between[service],
        }
    }

    fn deployment(&self) -> Deployment {
        let deployment = self.store.deployment();
        self.before
            .iter()
            .fold(deployment, |deployment, (service, proxy)| deployment.with_url(service, proxy.url().into()))
    }
}

/// What fails, and why.
struct Noticed {
    by: String,
    why: String,
    /// Whether what fails is a request to the service that has the fault.
    asked_there: bool,
}

impl fmt::Display for Noticed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} failed:\n{}", self.by, self.why)
    }
}

/// The step, case or property that fails first.
fn first_failure(session: &Session) -> Option<Noticed> {
    let noticed =
        |by: String, why: &dyn fmt::Display| Some(Noticed { by, why: why.to_string(), asked_there: false });
    if session.scope != Scope::Whole {
        return noticed("the documents".into(), &"they are not shown");
    }
    for (workflow, _) in workflows::all() {
        let played = workflows::play(workflow, session);
        if let Some((label, failure)) =
            played.iter().find_map(|it| Some((&it.label, it.outcome.as_ref().err()?)))
        {
            return noticed(format!("replay::{}::{}", label.workflow, label.step), failure);
        }
    }
    // A proxy waits for the whole body, so one that never ends does not get through it.
    let cases = cases::cases(&session.deployment);
    for case in cases.iter().filter(|case| case.request.delivery != Delivery::Half) {
        if let Err(failure) = case.check(session) {
            return noticed(format!("replay::{}", case.name), &failure);
        }
    }
    for promise in promises::all() {
        if let Err(failure) = promise.check(session) {
            return noticed(format!("replay::{}", promise.name), &failure);
        }
    }
    let check = |property: &Property| Some(((property.check)(session, EFFORT).err()?, property.name));
    let (failure, property) = PROPERTIES.iter().find_map(check)?;
    noticed(format!("stock::{property}"), &failure)
}

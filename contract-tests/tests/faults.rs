//! Who tests the suite? One fault after the other is put before real services, and the replay and the properties must notice
//! each: `cargo test -p contract-tests --test faults`.

#![allow(clippy::disallowed_macros, reason = "a test prints for whoever runs it")]
#![allow(clippy::expect_used, reason = "a test that cannot go on says why by panicking")]

use std::{
    fmt, fs,
    process::ExitCode,
    sync::{Arc, Mutex},
};

use contract_tests::{
    engine::{
        deployment::{Deployment, SERVICES},
        exchange::Delivery,
        faults::fault::{Place, Tamper},
        property::Effort,
        replay::{cases, promises, workflows},
        session::{Scope, Session},
    },
    harness::{folders::results, proxy::Proxy, store::Store},
    suite::{
        faults,
        stock::{PROPERTIES, Property},
    },
};
use libtest_mimic::{Arguments, Trial};

/// Few cases suffice to notice a fault, and the same ones every time.
const EFFORT: Effort = Effort { cases: 24, always_the_same: true };

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let workshop = Arc::new(Workshop::default());
    let mut trials = vec![{
        let workshop = workshop.clone();
        Trial::test("faults::without_a_fault_nothing_is_noticed", move || {
            workshop.notice(None).map_or(Ok(()), |noticed| Err(noticed.to_string().into()))
        })
    }];
    for fault in faults::all() {
        let workshop = workshop.clone();
        let name = format!("faults::{}", fault.name.replace([' ', '\''], "_"));
        trials.push(Trial::test(name, move || match workshop.notice(Some((fault.place, fault.tamper))) {
            Some(noticed) => {
                let line = format!("{:<60} {}", fault.name, noticed.by);
                workshop.noticed.lock().expect("the list").push(line);
                Ok(())
            }
            None => Err("nothing noticed it".into()),
        }));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);

    let mut noticed = workshop.noticed.lock().expect("the list").clone();
    noticed.sort();
    let noticed = noticed.join("\n");
    println!("{noticed}");
    fs::write(results().join("faults.txt"), noticed).expect("the list is written");
    conclusion.exit_code()
}

/// Stores with proxies before and between their services, as many as tests run at once.
#[derive(Default)]
struct Workshop {
    benches: Mutex<Vec<Bench>>,
    noticed: Mutex<Vec<String>>,
}

/// A store with proxies before its services, and between them.
struct Bench {
    store: Store,
    before: [Proxy; 3],
    between: [Proxy; 2],
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
        let noticed = first_failure(&Session::new(bench.deployment()));
        proxy.inspect(|proxy| proxy.tamper(None));
        self.benches.lock().expect("the benches").push(bench);
        noticed
    }
}

impl Bench {
    fn new() -> Self {
        let before = SERVICES.map(Proxy::start);
        let between = ["products", "orders"].map(Proxy::start);
        let settings = [("PRODUCTS_URL", between[0].url()), ("ORDERS_URL", between[1].url())];
        let store = Store::start(env!("CARGO_BIN_EXE_store-under-test"), &settings);
        for (process, proxy) in store.services.iter().zip(&before) {
            proxy.forward_to(process.url());
        }
        for (process, proxy) in store.services.iter().zip(&between) {
            proxy.forward_to(process.url());
        }
        Self { store, before, between }
    }

    fn proxy(&self, place: Place) -> &Proxy {
        let index = |name: &str| SERVICES.iter().position(|service| *service == name).expect("a service");
        match place {
            Place::Before(service) => &self.before[index(service)],
            Place::Between(service) => &self.between[index(service)],
        }
    }

    fn deployment(&self) -> Deployment {
        let deployment = self.store.deployment();
        let proxies = SERVICES.into_iter().zip(&self.before);
        proxies
            .fold(deployment, |deployment, (service, proxy)| deployment.with_url(service, proxy.url().into()))
    }
}

/// What fails, and why.
struct Noticed {
    by: String,
    why: String,
}

impl fmt::Display for Noticed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} failed:\n{}", self.by, self.why)
    }
}

/// The step, case or property that fails first.
fn first_failure(session: &Session) -> Option<Noticed> {
    let noticed = |by: String, why: &dyn fmt::Display| Some(Noticed { by, why: why.to_string() });
    if session.scope != Scope::Whole {
        return noticed("the documents".into(), &"they are not shown");
    }
    for (workflow, steps) in workflows::all() {
        let outcomes = workflows::play(workflow, session).into_iter().zip(steps);
        if let Some((failure, step)) = outcomes.filter_map(|(it, step)| Some((it.err()?, step))).next() {
            return noticed(format!("replay::{workflow}::{step}"), &failure);
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

//! Stores with proxies before and between their services, and the checks that notice a fault injected by a proxy.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{LazyLock, Mutex},
};

use contract_tests::{
    engine::{
        checks::{self, Check, Outcome},
        contract::Operation,
        deployment::{Deployment, SERVICES, asked_by, variable},
        faults::fault::{Place, Tamper},
        property::Effort,
        replay::situations,
        session::{Scope, Session},
    },
    harness::{proxy::Proxy, store::Store},
    suite::stock::{PROPERTIES, Property},
};
use serde_json::json;

/// Few cases suffice to notice a fault, and the same ones every time.
const EFFORT: Effort = Effort { cases: 24, always_the_same: true };

/// How many things of each kind there are before any fault.
const PURCHASES: usize = 10;

/// So many faults are tried on one store. Each leaves things in it, and lists without a limit grow.
const FAULTS: usize = 25;

/// What may notice a fault. A proxy waits for the whole body, so one that never ends does not get through it.
static CHECKS: LazyLock<Vec<Check>> = LazyLock::new(|| {
    let mut checks = checks::all(&Deployment::default());
    checks.retain(Check::is_whole);
    checks
});

/// As many stores as tests run at once.
#[derive(Default)]
pub(crate) struct Workshop(Mutex<Vec<Bench>>);

impl Workshop {
    /// What notices this fault first, which may be one of an operation.
    ///
    /// # Errors
    /// What notices it also fails without it. That store is not used any more.
    pub(crate) fn notice(
        &self,
        fault: Option<(Place, Tamper)>,
        operation: Option<&Operation>,
    ) -> Result<Option<Noticed>, String> {
        let free = self.0.lock().expect("the benches").pop();
        let mut bench = free.unwrap_or_else(Bench::new);
        let noticed = bench.notice(fault, operation)?;
        if bench.tried < FAULTS {
            self.0.lock().expect("the benches").push(bench);
        }
        Ok(noticed)
    }
}

/// A store with proxies before its services, and between them.
pub(crate) struct Bench {
    pub(crate) store: Store,
    /// A proxy before each service.
    before: BTreeMap<&'static str, Proxy>,
    /// A proxy between each service that is asked and those that ask it.
    between: BTreeMap<&'static str, Proxy>,
    session: Session,
    /// How many faults were tried on it.
    tried: usize,
}

impl Bench {
    pub(crate) fn new() -> Self {
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
        let deployment = before.iter().fold(store.deployment(), |deployment, (service, proxy)| {
            deployment.with_url(service, proxy.url().into())
        });
        Self { store, before, between, session: Session::with_scope(deployment, Scope::Whole), tried: 0 }
    }

    /// See [`Workshop::notice`].
    pub(crate) fn notice(
        &mut self,
        fault: Option<(Place, Tamper)>,
        operation: Option<&Operation>,
    ) -> Result<Option<Noticed>, String> {
        self.tried += 1;
        let proxy = fault.map(|(place, tamper)| {
            let proxy = self.proxy(place);
            proxy.tamper(Some(tamper));
            proxy
        });
        let detectors = detectors(operation);
        let failed = detectors.iter().find_map(|detector| Some((detector, detector.fails(self)?)));
        let Some(proxy) = proxy else { return Ok(failed.map(|(_, noticed)| noticed)) };
        proxy.tamper(None);
        let Some((detector, mut noticed)) = failed else { return Ok(None) };
        // A service that has died or hangs fails everything, which says nothing of the fault.
        if let Some(again) = detector.fails(self) {
            return Err(format!("it fails without the fault, too: {again}"));
        }
        noticed.asked_there = noticed.why.contains(proxy.url());
        Ok(Some(noticed))
    }

    fn proxy(&self, place: Place) -> &Proxy {
        match place {
            Place::Before(service) => &self.before[service],
            Place::Between(service) => &self.between[service],
        }
    }
}

/// What may notice a fault.
enum Detector<'a> {
    Check(&'static Check),
    Property(&'static Property),
    /// The same request while one is in flight, which checks bring about by chance.
    InFlight(&'a Operation),
}

/// What may notice a fault, in the order in which it is tried: all of the suite in its own, or for a fault of an operation the
/// likeliest first, without what asks other services. Properties take the longest.
fn detectors(operation: Option<&Operation>) -> Vec<Detector<'_>> {
    let checks: Vec<&Check> = match operation {
        Some(operation) => checks::of(operation, &CHECKS),
        None => CHECKS.iter().collect(),
    };
    let properties = PROPERTIES.iter().map(Detector::Property);
    let in_flight = operation.filter(|operation| operation.accepts_key).map(Detector::InFlight);
    checks.into_iter().map(Detector::Check).chain(properties).chain(in_flight).collect()
}

impl Detector<'_> {
    /// The first failure, if there is one.
    fn fails(&self, Bench { session, store, .. }: &Bench) -> Option<Noticed> {
        let (by, why) = match self {
            Self::Check(check) => {
                let verdicts = check.run(session).into_iter();
                let mut failed = verdicts.filter_map(|verdict| match verdict.outcome {
                    Outcome::Failed(failure) => Some((verdict.name, failure)),
                    Outcome::Passed | Outcome::NotReached | Outcome::NotJudged(_) => None,
                });
                let (name, failure) = failed.next()?;
                // The list has the operation of a case without its service.
                let name = if check.is_workflow() {
                    &name
                } else {
                    name.split_once(' ').map_or(&*name, |(_, name)| name)
                };
                (format!("replay::{name}"), failure.to_string())
            }
            Self::Property(property) => {
                (format!("stock::{}", property.name), (property.check)(session, EFFORT).err()?)
            }
            Self::InFlight(operation) => {
                let locked = store.lock(operation.service);
                let result = situations::refused_while_in_flight(operation, session, locked);
                (format!("replay::{}::while_the_first_is_in_flight", operation.id), result.err()?.to_string())
            }
        };
        Some(Noticed { by, why, asked_there: false })
    }
}

/// What fails, and why.
pub(crate) struct Noticed {
    pub(crate) by: String,
    why: String,
    /// Whether what fails is a request to the service that has the fault.
    pub(crate) asked_there: bool,
}

impl fmt::Display for Noticed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} failed:\n{}", self.by, self.why)
    }
}

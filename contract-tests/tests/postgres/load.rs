//! Callers that create without a pause, and remember every acknowledged row.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use contract_tests::{
    engine::{deployment::SERVICES, exchange::Response, session::Session},
    harness::waiting,
};
use serde_json::{Value, json};

/// How long a caller waits before it sends again what was refused.
const RETRY: Duration = Duration::from_millis(5);

/// How long it goes on with that.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);

/// What a caller was told is there.
#[derive(Clone)]
pub(crate) struct Created {
    pub(crate) at: Instant,
    pub(crate) body: Vec<u8>,
}

/// What callers have asked for, and what they were told.
pub(crate) struct Load<'a> {
    session: &'a Session,
    pub(crate) is_over: AtomicBool,
    /// For each of the services, by id.
    acknowledged: Mutex<BTreeMap<&'static str, BTreeMap<u64, Created>>>,
    /// The names of products whose creation was not sent again when there was an error.
    uncertain: Mutex<Vec<String>>,
    /// How many responses were an error.
    pub(crate) refused: AtomicUsize,
}

impl<'a> Load<'a> {
    pub(crate) fn new(session: &'a Session) -> Self {
        Self {
            session,
            is_over: AtomicBool::default(),
            acknowledged: Mutex::default(),
            uncertain: Mutex::default(),
            refused: AtomicUsize::default(),
        }
    }

    /// Creates a product, an order of it and a payment for that, again and again. Each has a key, with which it is sent until it is
    /// created.
    pub(crate) fn insist(&self, caller: usize) {
        for number in 0.. {
            let key = format!("{caller}-{number}");
            let product = self.create_once("products", &key, json!({ "name": key, "price": 1, "stock": 5 }));
            let order = self.create_once("orders", &key, json!({ "product_id": product, "quantity": 1 }));
            self.create_once("payments", &key, json!({ "order_id": order, "amount": 1, "method": key }));
            if self.is_over.load(Relaxed) {
                return;
            }
        }
    }

    /// Creates orders of one product in the same way.
    pub(crate) fn order(&self, caller: usize, product: u64) {
        for number in 0.. {
            let key = format!("{caller}-{number}");
            self.create_once("orders", &key, json!({ "product_id": product, "quantity": 1 }));
            if self.is_over.load(Relaxed) {
                return;
            }
        }
    }

    /// Creates products without a key, again and again, and never sends one a second time.
    pub(crate) fn try_once_each(&self) {
        for number in 0.. {
            let name = format!("once-{number}");
            let (status, _) = self.send("products", None, &json!({ "name": name, "price": 1, "stock": 5 }));
            if status != 201 {
                self.uncertain.lock().unwrap().push(name);
                thread::sleep(RETRY);
            }
            if self.is_over.load(Relaxed) {
                return;
            }
        }
    }

    /// Returns the id.
    fn create_once(&self, service: &'static str, key: &str, body: Value) -> u64 {
        let began = Instant::now();
        loop {
            match self.send(service, Some(key), &body) {
                (201, response) => return response.json()["id"].as_u64().unwrap(),
                // What it is for may have been lost.
                (_, response) => {
                    assert!(began.elapsed() < RETRY_TIMEOUT, "{service} {key} stays refused: {response}")
                }
            }
            thread::sleep(RETRY);
        }
    }

    /// Every request gets a response, and if it is an error, one that allows a retry.
    fn send(&self, service: &'static str, key: Option<&str>, body: &Value) -> (u16, Response) {
        let mut request = self.session.request(service, "POST", format!("/{service}")).json(body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let response = self.session.send(&request).unwrap_or_else(|failure| panic!("{failure}"));
        if response.status == 201 {
            let (id, at) = (response.json()["id"].as_u64().unwrap(), Instant::now());
            let created = Created { at, body: response.body.clone() };
            let twice = self.acknowledged.lock().unwrap().entry(service).or_default().insert(id, created);
            assert!(twice.is_none(), "{service} {id} was created twice: {response}");
        } else {
            self.refused.fetch_add(1, Relaxed);
            let is_unavailable =
                response.error().is_some_and(|error| error.ends_with("not found or unavailable"));
            assert!(
                matches!(response.status, 500 | 503) || response.status == 400 && is_unavailable,
                "{response}"
            );
        }
        (response.status, response)
    }

    /// What was acknowledged, by service and id.
    pub(crate) fn acknowledged(&self) -> BTreeMap<&'static str, BTreeMap<u64, Created>> {
        self.acknowledged.lock().unwrap().clone()
    }

    pub(crate) fn uncertain(&self) -> Vec<String> {
        self.uncertain.lock().unwrap().clone()
    }

    /// Waits until every service has acknowledged so many more.
    pub(crate) fn wait_for_more_of_each(&self, more: usize) {
        let before = SERVICES.iter().map(|service| self.count(service));
        let expected: Vec<usize> = before.map(|before| before + more).collect();
        let are_there =
            || SERVICES.iter().zip(&expected).all(|(service, expected)| self.count(service) >= *expected);
        waiting::until("more writes", are_there).unwrap();
    }

    /// Waits until this service has.
    pub(crate) fn wait_for_more(&self, service: &str, more: usize) {
        let expected = self.count(service) + more;
        waiting::until("more writes", || self.count(service) >= expected).unwrap();
    }

    fn count(&self, service: &str) -> usize {
        self.acknowledged.lock().unwrap().get(service).map_or(0, BTreeMap::len)
    }

    /// The longest time in which no service acknowledged anything.
    pub(crate) fn longest_gap(&self) -> Duration {
        let acknowledged = self.acknowledged();
        let mut times: Vec<Instant> =
            acknowledged.values().flat_map(|created| created.values().map(|created| created.at)).collect();
        times.sort();
        times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }
}

//! More work than a service accepts: the surplus is refused at once, and accepted requests are as fast as before.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use contract_tests::{
    engine::{deployment::SERVICES, exchange::Request, replay::situations, session::Session},
    harness::{store::Store, waiting::SetOnDrop},
};
use serde_json::json;

use crate::{PROGRAM, alone};

/// How many requests the service takes on at once.
const PLACES: usize = 8;

/// For how long each load lasts.
const LOAD: Duration = Duration::from_millis(200);

/// How often two loads take turns.
const TURNS: usize = 5;

/// The outcome of a load.
#[derive(Debug, Default)]
struct Outcome {
    accepted: usize,
    refused: usize,
    /// Of those that were accepted.
    slowest: Duration,
}

impl Outcome {
    /// Both together.
    fn and(self, other: Self) -> Self {
        Self {
            accepted: self.accepted + other.accepted,
            refused: self.refused + other.refused,
            slowest: self.slowest.max(other.slowest),
        }
    }
}

fn start() -> (Store, Session) {
    let places = PLACES.to_string();
    let settings = [("MAX_REQUESTS", places.as_str()), ("RUST_LOG", "warn")];
    Store::start_with_session(PROGRAM, &settings)
}

/// So many callers create products one after the other; a refused one tries again a little later.
fn load(session: &Session, callers: usize) -> Outcome {
    let body = json!({ "name": "Computer", "price": 200, "stock": 20 });
    let create = session.request("products", "POST", "/products").json(&body);
    let began = Instant::now();
    let call = || {
        let mut outcome = Outcome::default();
        while began.elapsed() < LOAD {
            let asked = Instant::now();
            let response = session.send(&create).unwrap();
            match response.status {
                201 => {
                    outcome.accepted += 1;
                    outcome.slowest = outcome.slowest.max(asked.elapsed());
                }
                _ => {
                    assert_eq!(
                        (response.status, response.error().as_deref()),
                        (503, Some("Service unavailable"))
                    );
                    assert!(response.header("Retry-After").is_some());
                    outcome.refused += 1;
                    // What these callers do takes time of the machine, and would slow the others.
                    thread::sleep(Duration::from_millis(20));
                }
            }
        }
        outcome
    };
    thread::scope(|scope| {
        let callers: Vec<_> = (0..callers).map(|_| scope.spawn(call)).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).fold(Outcome::default(), Outcome::and)
    })
}

/// A load and twice of it, in short turns, so that other work on the machine slows both alike.
fn in_turns(session: &Session) -> (Outcome, Outcome) {
    (0..TURNS).fold((Outcome::default(), Outcome::default()), |(peak, over), _| {
        (peak.and(load(session, PLACES)), over.and(load(session, 2 * PLACES)))
    })
}

/// How often a load is compared with another. What else the machine does may spoil some of them, but not most.
const PAIRS: usize = 5;

/// The one in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
fn the_surplus_is_refused_and_the_rest_is_as_fast_as_before() {
    let _machine = alone();
    let (_store, session) = start();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let end = SetOnDrop(&is_over);
        // The probes are answered throughout.
        let probes = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                for path in ["/livez", "/readyz"] {
                    session.expect(&Request::new("products", "GET", path), 200, None).unwrap();
                }
                thread::sleep(Duration::from_millis(5));
            }
        });
        let pairs: Vec<(Outcome, Outcome)> = (0..PAIRS).map(|_| in_turns(&session)).collect();
        let afterwards = load(&session, PLACES / 2);
        drop(end);
        probes.join().unwrap();

        println!("peaks, and twice of that: {pairs:?}, afterwards {afterwards:?}");
        assert!(pairs.iter().all(|(_, over)| over.refused > 0), "nothing was too much: {pairs:?}");
        let share = |(peak, over): &(Outcome, Outcome)| over.accepted as f64 / peak.accepted as f64;
        let best = pairs.iter().map(share).fold(0.0, f64::max);
        let share = median(pairs.iter().map(share).collect());
        let slowest = median(pairs.iter().map(|(_, over)| over.slowest.as_secs_f64()).collect());
        println!("of the peak, {share:.2} is accepted, {best:.2} at best, the slowest within {slowest:.2} s");
        // Callers who were refused leave their places empty for a moment, more so on a busy machine; a collapse is far below this.
        assert!(best >= 0.8 && share >= 0.4 && slowest < 1.0, "{best}, {share}, {slowest}: {pairs:?}");
        assert_eq!(afterwards.refused, 0, "it does not recover: {afterwards:?}");
    });
}

#[test]
fn a_refused_create_stores_nothing() {
    let _machine = alone();
    let (store, session) = start();
    let before = store.rows("products");
    let outcome = load(&session, 4 * PLACES);
    assert_eq!(store.rows("products") - before, outcome.accepted as i64);
}

#[test]
fn overload_is_refused_before_token_and_body() {
    let _machine = alone();
    let (_store, session) =
        Store::start_with_session(PROGRAM, &[("MAX_REQUESTS", "1"), ("BODY_TIMEOUT", "9s")]);
    for &service in SERVICES.iter() {
        let document = contract_tests::engine::contract::CONTRACT.document(service);
        situations::refused_while_full(document, &session).unwrap();
    }
}

//! A soak: mixed load at a fixed rate with everything switched on, for `SOAK` seconds.
//!
//! What a service holds, and what a request costs, must be in the last third of the time what it was in the middle one; the
//! first third is for getting warm. `SOAK=3600 cargo test --release --test timing soak` takes an hour, and
//! `target/contract/soak.csv` has all that was measured.

mod load;
mod disturbance;
mod collector;
mod sample;
mod curves;

use std::{
    fs,
    sync::atomic::AtomicBool,
    thread,
    time::{Duration, Instant},
};

use contract_tests::{
    engine::session::Session,
    harness::{
        address::Reserved, environment, folders::results, store::Store, tls::TlsFrontEnd, waiting::SetOnDrop,
    },
};

use self::{
    collector::Collector,
    curves::Curves,
    disturbance::{Backups, TokenFiles},
    sample::Sampler,
};
use crate::{PROGRAM, alone};

/// How many seconds a soak takes if nothing else is set.
const SHORT: u32 = 20;

/// How many windows a short soak has at most, since each takes a moment longer than planned.
const WINDOWS: u32 = 12;

/// How long one of them is at most.
const LONGEST: Duration = Duration::from_secs(10);

#[test]
fn nothing_grows_but_the_rows() {
    let _machine = alone();
    let time = Duration::from_secs(environment::number("SOAK", SHORT).into());
    let length = (time / WINDOWS).min(LONGEST);
    let soak = Soak::start();
    let mut sampler = Sampler::start(&soak.store, &soak.session);
    let mut curves = Curves::default();
    let began = Instant::now();
    for number in 0.. {
        if began.elapsed() >= time {
            break;
        }
        soak.window(number, length, &mut sampler, &mut curves);
    }

    let file = results().join("soak.csv");
    fs::write(&file, curves.table()).unwrap();
    println!("{}\nevery window: {}", curves.summary(), file.display());
    assert!(soak.collector.count() > 0, "no span was exported");
    let drifts = curves.drifts();
    assert!(drifts.is_empty(), "{}\nevery window: {}", drifts.join("\n"), file.display());
}

/// A store with everything switched on, and those who use it.
struct Soak {
    store: Store,
    session: Session,
    collector: Collector,
    tokens: TokenFiles,
    backups: Backups,
    /// Through which orders reaches products.
    _front_end: TlsFrontEnd,
}

impl Soak {
    fn start() -> Self {
        let (collector, tokens, products) = (Collector::start(), TokenFiles::new(), Reserved::new());
        let front_end = TlsFrontEnd::start(&products.text());
        let certificate = front_end.certificate().display().to_string();
        let products = products.text();
        let mut settings = vec![
            ("PRODUCTS_LISTEN", products.as_str()),
            ("PRODUCTS_URL", &front_end.url),
            ("SSL_CERT_FILE", &certificate),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url),
            ("ORDERS_STOCK", "reserve"),
            ("CORS_ORIGINS", "*"),
            ("LOG_FORMAT", "json"),
            ("BODY_TIMEOUT", "5s"),
            // So that stored responses are deleted as fast as others are stored.
            ("KEY_LIFETIME", "1s"),
        ];
        settings.extend(tokens.settings());
        let (store, session) = Store::start_with_session(PROGRAM, &settings);
        load::fill(&store, &session);
        Self { store, session, collector, tokens, backups: Backups::new(), _front_end: front_end }
    }

    /// Some time of load, in which a backup is made, tokens are read again and callers hang up.
    fn window(&self, number: u64, length: Duration, sampler: &mut Sampler, curves: &mut Curves) {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let over = SetOnDrop(&is_over);
            scope.spawn(|| disturbance::hang_up(&self.session, &is_over));
            scope.spawn(|| self.backups.make(&self.store));
            let kinds = load::kinds(&self.session.deployment).into_iter();
            let load: Vec<_> = kinds.map(|kind| scope.spawn(move || kind.send(length))).collect();
            self.tokens.change(number);
            self.store.services.iter().for_each(|service| service.signal("HUP"));
            thread::sleep(length / 2);
            sample::held(&self.store, curves);
            for kind in load {
                let (name, latencies) = kind.join().expect("the right responses; a wrong one is shown above");
                sample::latencies(name, &latencies, curves);
            }
            drop(over);
        });
        sampler.used(&self.store, &self.session, curves);
    }
}

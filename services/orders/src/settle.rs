//! Settles intents that became no order: releases their reservations, and removes them.
//!
//! It runs beside the requests, from the start of the service, and also if orders only check the stock: an earlier run may have
//! left intents. A stop ends it wherever it is; the next start goes on.

use std::{sync::LazyLock, time::Duration};

use chassis::{
    storage::sqlite::{self, Database},
    telemetry::metrics,
    values::Key,
};
use futures_util::{StreamExt, stream};
use prometheus::{
    IntCounterVec, IntGauge, register_int_counter_vec_with_registry, register_int_gauge_with_registry,
};
use tokio::time::{self, MissedTickBehavior};

use crate::{
    db::intents::{self, Intent},
    live::Live,
    products::{Products, Released},
};

/// How many intents are read and given up at once.
const PAGE: usize = 64;

/// How many releases are in flight at once.
const AT_ONCE: usize = 8;

/// How many releases fail one after the other before a pass ends: then the service fails, and not only some of its responses.
const FAILURES: usize = 2 * AT_ONCE;

/// The pause between two releases: 500 a second at most, so that a restart after a crash leaves the products service to others.
const PACE: Duration = Duration::from_millis(2);

/// The first and the longest pause after a failure.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How often intents are looked for that nobody has told of, such as those of a commit that failed.
const SWEEP: Duration = Duration::from_secs(5);

#[expect(clippy::expect_used, reason = "descriptions are fixed, so the first test finds a wrong one")]
static METRICS: LazyLock<Metrics> =
    LazyLock::new(|| Metrics::register().expect("metrics with right descriptions"));

struct Metrics {
    open: IntGauge,
    settled: IntCounterVec,
}

const GIVEN_BACK: &str = "given_back";
const NOTHING_TAKEN: &str = "nothing_taken";

impl Metrics {
    fn register() -> prometheus::Result<Self> {
        let registry = metrics::registry();
        let metrics = Self {
            open: register_int_gauge_with_registry!(
                "intents_open",
                "Intents that became no order, and whose reservations are not released yet.",
                registry
            )?,
            settled: register_int_counter_vec_with_registry!(
                "intents_settled_total",
                "Intents that became no order and are settled, by what their release has found.",
                &["outcome"],
                registry
            )?,
        };
        for outcome in [GIVEN_BACK, NOTHING_TAKEN] {
            metrics.settled.with_label_values(&[outcome]).reset();
        }
        Ok(metrics)
    }
}

/// What became of a pass over all intents.
#[derive(Default)]
struct Pass {
    settled: usize,
    /// Why an intent is left, if one is.
    failure: Option<String>,
}

/// Settles intents. Clones settle the same ones.
#[derive(Clone)]
pub(crate) struct Settler {
    database: Database,
    products: Products,
    live: Live,
}

impl Settler {
    /// The intents that `live` has are left alone.
    pub(crate) fn new(database: Database, products: Products, live: Live) -> Self {
        Self { database, products, live }
    }

    /// Settles intents, as long as the service runs; if it does not reserve stock itself, until those of an earlier run are settled.
    pub(crate) async fn run(self, is_reserving: bool) {
        let mut pause = PAUSE;
        let mut left = self.database.read(intents::count).unwrap_or_default();
        if left > 0 {
            tracing::info!(intents = left, "settling the intents that the last run left open");
        }
        loop {
            self.count_open();
            let mut pass = Pass::default();
            if let Err(error) = self.settle_all(&mut pass).await {
                pass.failure = Some(error);
            }
            let open = self.count_open();
            if pass.settled > 0 {
                pause = PAUSE;
            }
            if left > 0 && pass.failure.is_none() {
                tracing::info!(intents = left, "settled the intents that the last run left open");
                left = 0;
            }
            match pass.failure {
                Some(cause) => {
                    tracing::warn!(open, cause, "intents are not settled yet; trying again");
                    time::sleep(pause).await;
                    pause = LONGEST_PAUSE.min(2 * pause);
                }
                None if !is_reserving => return,
                None => {
                    pause = PAUSE;
                    let _ = time::timeout(SWEEP, self.live.abandoned()).await;
                }
            }
        }
    }

    /// Shows in the metrics how many intents are not in flight.
    fn count_open(&self) -> i64 {
        let stored = self.database.read(intents::count).unwrap_or_default();
        let open = (stored - self.live.count() as i64).max(0);
        METRICS.open.set(open);
        self.live.set_waiting(open);
        open
    }

    /// Settles every intent that is not in flight.
    ///
    /// # Errors
    /// The products service or the database fails, so that nothing can be settled at the moment.
    async fn settle_all(&self, pass: &mut Pass) -> Result<(), String> {
        let mut after = String::new();
        loop {
            let page =
                self.database.read(|connection| intents::page(connection, &after, PAGE)).map_err(text)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.key.as_str().to_owned();
            let abandoned: Vec<Intent> =
                page.into_iter().filter(|intent| !self.live.has(&intent.key)).collect();
            if !abandoned.is_empty() {
                self.settle_page(abandoned, pass).await?;
            }
        }
    }

    async fn settle_page(&self, abandoned: Vec<Intent>, pass: &mut Pass) -> Result<(), String> {
        let give_up = move |connection: &_| intents::give_up(connection, abandoned);
        let given_up = self.database.write(give_up).await.map_err(text)?;
        let mut pace = time::interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut releases = stream::unfold((pace, given_up.into_iter()), |(mut pace, mut left)| async {
            let intent = left.next()?;
            pace.tick().await;
            Some((self.release(intent), (pace, left)))
        })
        .buffer_unordered(AT_ONCE)
        .boxed();
        let mut settled = Vec::new();
        let mut failures = 0;
        while failures < FAILURES
            && let Some((key, released)) = releases.next().await
        {
            match released {
                Released::GivenBack => settled.push((key, GIVEN_BACK)),
                Released::NothingTaken => settled.push((key, NOTHING_TAKEN)),
                Released::Refused(cause) => pass.failure = Some(format!("{}: {cause}", key.as_str())),
                Released::Unavailable(cause) => {
                    failures += 1;
                    pass.failure = Some(cause);
                    continue;
                }
            }
            failures = 0;
        }
        drop(releases);
        let keys: Vec<Key> = settled.iter().map(|(key, _)| key.clone()).collect();
        self.database.write(move |connection| intents::remove(connection, &keys)).await.map_err(text)?;
        for (_, outcome) in &settled {
            METRICS.settled.with_label_values(&[outcome]).inc();
        }
        pass.settled += settled.len();
        match pass.failure.take() {
            Some(cause) if failures >= FAILURES => Err(cause),
            failure => {
                pass.failure = failure;
                Ok(())
            }
        }
    }

    async fn release(&self, intent: Intent) -> (Key, Released) {
        let released = self.products.release(&intent).await;
        (intent.key, released)
    }
}

fn text(error: sqlite::Error) -> String {
    error.to_string()
}

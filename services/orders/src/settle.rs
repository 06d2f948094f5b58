//! Settles intents that became no order: releases their reservations, and removes them.
//!
//! This background task runs from the start of the service, even if orders only check the stock, since an earlier run may have left
//! intents. A stop may interrupt it at any point; after the next start, it continues.

use std::time::Duration;

use chassis::{
    storage::{self, Database},
    values::Key,
};
use futures_util::{StreamExt, stream};
use tokio::time::{self, MissedTickBehavior};

use crate::{
    db::{Intent, intents},
    live::Live,
    metrics::{self, GIVEN_BACK, NOTHING_TAKEN},
    products::{Products, Released},
};

/// How many intents are read and abandoned at once.
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

/// How often unreported intents are looked for, such as those of a commit that failed.
const SWEEP: Duration = Duration::from_secs(5);

/// The outcome of a pass over all intents.
#[derive(Default)]
struct Pass {
    settled: usize,
    /// Why an intent is left, if one is.
    failure: Option<Failure>,
}

/// Why an intent is not settled.
#[derive(Clone, PartialEq, Eq)]
enum Failure {
    /// Its own reservation cannot be released; others can.
    OfOne(String),
    /// No reservation can be released.
    OfAll(String),
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

    /// Settles intents, as long as the service runs; if it does not reserve stock itself, until there are none. Those of another
    /// instance are left to it at first, and it may be gone.
    pub(crate) async fn run(self, is_reserving: bool) {
        let mut pause = PAUSE;
        let mut told = None;
        let mut left = self.left_open().await;
        if left > 0 {
            tracing::info!(intents = left, "settling the intents that the last run left open");
        }
        loop {
            self.count_open().await;
            let Pass { settled, failure } = self.settle_all().await;
            let open = self.count_open().await;
            if left > 0 && failure.is_none() {
                tracing::info!(intents = left, "settled the intents that the last run left open");
                left = 0;
            }
            if settled > 0 || failure.is_none() {
                pause = PAUSE;
            }
            if let Some(Failure::OfOne(cause) | Failure::OfAll(cause)) = &failure
                && failure != told
            {
                tracing::warn!(open, cause, "intents are not settled yet; trying again");
            }
            match &failure {
                None if !is_reserving && !self.are_left().await => return,
                None => drop(time::timeout(SWEEP, self.live.abandoned()).await),
                Some(Failure::OfOne(_)) => drop(time::timeout(pause, self.live.abandoned()).await),
                Some(Failure::OfAll(_)) => time::sleep(pause).await,
            }
            if failure.is_some() {
                pause = LONGEST_PAUSE.min(2 * pause);
            }
            told = failure;
        }
    }

    /// How many intents the last run left open.
    async fn left_open(&self) -> i64 {
        let counted = self.database.read(intents::Count(self.live.owner())).await;
        counted.unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot count the intents that the last run left open");
            0
        })
    }

    /// Shows in the metrics how many intents are not in flight, which is what it was if the database does not tell.
    async fn count_open(&self) -> i64 {
        let Ok(stored) = self.database.read(intents::Count(self.live.owner())).await else {
            return self.live.waiting();
        };
        let open = (stored - self.live.count() as i64).max(0);
        metrics::set_open(open);
        self.live.set_waiting(open);
        open
    }

    async fn are_left(&self) -> bool {
        self.database.read(intents::AreLeft).await.unwrap_or(true)
    }

    /// Settles every intent that is not in flight.
    async fn settle_all(&self) -> Pass {
        let mut pass = Pass::default();
        if let Err(error) = self.settle_pages(&mut pass).await {
            pass.failure = Some(Failure::OfAll(error.to_string()));
        }
        pass
    }

    async fn settle_pages(&self, pass: &mut Pass) -> Result<(), storage::Error> {
        let mut after = String::new();
        loop {
            let page = self
                .database
                .read(intents::Page { after: &after, limit: PAGE, owner: self.live.owner() })
                .await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.key.as_str().to_owned();
            let abandoned: Vec<Intent> =
                page.into_iter().filter(|intent| !self.live.has(&intent.key)).collect();
            if !abandoned.is_empty() && !self.settle_page(abandoned, pass).await? {
                return Ok(());
            }
        }
    }

    /// Settles some intents. False if the products service does not respond, so that there is no point in going on.
    async fn settle_page(&self, abandoned: Vec<Intent>, pass: &mut Pass) -> Result<bool, storage::Error> {
        let given_up = self.database.write(intents::GiveUp(abandoned)).await?;
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
            failures = if let Released::Unavailable(_) = released { failures + 1 } else { 0 };
            match released {
                Released::GivenBack => settled.push((key, GIVEN_BACK)),
                Released::NothingTaken => settled.push((key, NOTHING_TAKEN)),
                Released::Refused(cause) => {
                    pass.failure = Some(Failure::OfOne(format!("{}: {cause}", key.as_str())));
                }
                Released::Unavailable(cause) => pass.failure = Some(Failure::OfAll(cause)),
            }
        }
        drop(releases);
        let keys = settled.iter().map(|(key, _): &(Key, _)| key.clone()).collect();
        self.database.write(intents::Remove(keys)).await?;
        settled.iter().for_each(|(_, outcome)| metrics::count_settled(outcome));
        pass.settled += settled.len();
        Ok(failures < FAILURES)
    }

    async fn release(&self, intent: Intent) -> (Key, Released) {
        let released = self.products.release(&intent).await;
        (intent.key, released)
    }
}

//! Whether the disk of the server has free space, which only a write that needs some can tell.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use super::pool::Pool;
use crate::storage::client::Error;

/// How long a probe may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Needs a block where the tables of the service are, unless temporary ones have a disk of their own.
const PROBE: &str = "CREATE TEMPORARY TABLE room ON COMMIT DROP AS SELECT 1 AS block";

/// Whether a write has found the disk full. Instances that write nothing do not know, and need not.
#[derive(Default)]
pub(super) struct Room {
    is_full: AtomicBool,
}

impl Room {
    /// Takes notice of what became of a write.
    pub(super) fn observe<T>(&self, outcome: &Result<T, Error>) {
        if outcome.as_ref().is_err_and(Error::is_of_full_disk) {
            self.is_full.store(true, Relaxed);
        }
    }

    /// Checks that there is room again if the disk was full.
    pub(super) async fn check(&self, pool: &Pool) -> Result<(), Error> {
        if !self.is_full.load(Relaxed) {
            return Ok(());
        }
        let probed = tokio::time::timeout(PROBE_TIMEOUT, probe(pool));
        probed.await.unwrap_or_else(|_| Err(Error::NotConnected("it takes too long".to_owned())))?;
        self.is_full.store(false, Relaxed);
        Ok(())
    }
}

async fn probe(pool: &Pool) -> Result<(), Error> {
    let connection = pool.get(Instant::now() + PROBE_TIMEOUT).await?;
    let outcome = connection.batch(PROBE).await;
    connection.finish();
    match outcome {
        Err(error) if error.is_of_full_disk() => Err(error),
        // Somebody who may not do that learns it from the next write.
        _ => Ok(()),
    }
}

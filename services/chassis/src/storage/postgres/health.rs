//! Health: whether the database can be reached, and accepts writes.

use std::time::{Duration, Instant};

use super::pool::Pool;
use crate::storage::client::Error;

/// How long a probe may take.
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Probes have a connection of their own, so that a busy service does not seem to have no database.
pub(super) struct Health(Pool);

impl Health {
    pub(super) fn new(pool: Pool) -> Self {
        Self(pool)
    }

    pub(super) async fn check(&self) -> Result<(), Error> {
        let probed = tokio::time::timeout(PROBE_TIMEOUT, self.probe());
        probed.await.unwrap_or_else(|_| Err(Error::NotConnected("it takes too long".to_owned())))
    }

    async fn probe(&self) -> Result<(), Error> {
        let connection = self.0.get(Instant::now() + PROBE_TIMEOUT).await?;
        // A standby, or a server whose disk is nearly full, is read-only.
        let row = connection.query_one("SHOW transaction_read_only", &[]).await?;
        let is_read_only: String = row.try_get(0)?;
        connection.finish();
        if is_read_only == "off" { Ok(()) } else { Err(Error::ReadOnly) }
    }
}

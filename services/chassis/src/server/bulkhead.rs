//! A bound for the requests that wait for another service, below the one for all: while an upstream is silent, they leave places
//! to everybody who needs no upstream.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Context;
use crate::{
    metrics,
    refusal::{Refused, SERVICE_UNAVAILABLE},
};

/// How many requests may wait for another service at once.
pub(super) struct Bulkhead(Arc<Semaphore>);

impl Bulkhead {
    pub(super) fn new(limit: usize) -> Self {
        Self(Arc::new(Semaphore::new(limit)))
    }
}

/// A request that waits for another service, until this is dropped.
pub(crate) struct UpstreamPermit {
    _permit: OwnedSemaphorePermit,
}

impl Context {
    /// Lets the request that is worked on wait for another service.
    ///
    /// # Errors
    /// As many do already as may, or no request is worked on.
    pub(crate) fn wait_for_upstream() -> Result<UpstreamPermit, Refused> {
        let permit = Self::get(|context| context.identity.bulkhead.0.clone().try_acquire_owned())?;
        let Ok(permit) = permit else {
            metrics::count_refused();
            return Err(SERVICE_UNAVAILABLE.into());
        };
        metrics::count_waiting(1);
        Ok(UpstreamPermit { _permit: permit })
    }
}

impl Drop for UpstreamPermit {
    fn drop(&mut self) {
        metrics::count_waiting(-1);
    }
}

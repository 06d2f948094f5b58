//! Readiness, for `/readyz`: whether the database can be read and written.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::{
    error::{ApiError, SERVICE_UNAVAILABLE},
    storage::Database,
};

/// The readiness of a service. It is logged when it changes, and not with every probe, which would fill a disk in the end.
pub(super) struct Readiness {
    database: Database,
    was_ready: AtomicBool,
}

impl Readiness {
    pub(super) fn new(database: Database) -> Self {
        Self { database, was_ready: AtomicBool::new(true) }
    }

    /// Brings the metrics of the database up to date.
    pub(super) fn measure(&self) {
        self.database.measure();
    }

    /// Checks that the service is ready.
    pub(super) async fn check(&self) -> Result<(), ApiError> {
        let checked = self.database.check().await;
        let was_ready = self.was_ready.swap(checked.is_ok(), Relaxed);
        match checked {
            Ok(()) if was_ready => Ok(()),
            Ok(()) => {
                tracing::info!("ready again");
                Ok(())
            }
            Err(cause) => {
                if was_ready {
                    tracing::error!(%cause, "not ready");
                }
                Err(SERVICE_UNAVAILABLE.into())
            }
        }
    }
}

//! The connections.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, RecyclingMethod, Runtime, Timeouts};

use super::address::Address;
use crate::{
    settings::{DatabaseSettings, StartupError},
    storage::client::{Connection, Error, Settled, Tls},
};

/// A pool of connections.
pub(super) struct Pool {
    inner: deadpool_postgres::Pool,
    tls: Tls,
    connect_timeout: Duration,
    settled: Arc<Settled>,
}

impl Pool {
    /// A pool of at most `size` connections, the first of which is made when it is needed.
    pub(super) fn new(
        address: &Address,
        size: usize,
        settings: &DatabaseSettings,
    ) -> Result<Self, StartupError> {
        // The connection itself tells when it has ended.
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(address.config.clone(), address.tls.clone(), recycling);
        let timeout = settings.database_statement_timeout.as_millis();
        // A transaction whose service has hung up without a word must not keep its locks for ever.
        let set_up =
            format!("SET statement_timeout = {timeout}; SET idle_in_transaction_session_timeout = {timeout}");
        let set_up = Hook::async_fn(move |client, _| {
            let set_up = set_up.clone();
            Box::pin(async move { client.batch_execute(&set_up).await.map_err(HookError::Backend) })
        });
        let inner = deadpool_postgres::Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .post_create(set_up)
            .build()
            .map_err(|error| StartupError::new(format!("the pool of connections: {error}")))?;
        let (tls, connect_timeout) = (address.tls.clone(), settings.database_connect_timeout);
        Ok(Self { inner, tls, connect_timeout, settled: Arc::default() })
    }

    /// A connection, if there is one before `deadline`.
    pub(super) async fn get(&self, deadline: Instant) -> Result<Connection, Error> {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Some(left.min(self.connect_timeout));
        let timeouts = Timeouts { wait: timeout, create: timeout, recycle: timeout };
        let object = self.inner.timeout_get(&timeouts).await?;
        Ok(Connection::new(object, self.tls.clone(), self.settled.clone()))
    }

    /// A connection for the start of the service, with the error that the server has for it.
    pub(super) async fn first(&self) -> Result<Connection, deadpool_postgres::PoolError> {
        let timeout = Some(self.connect_timeout);
        let timeouts = Timeouts { wait: timeout, create: timeout, recycle: timeout };
        let object = self.inner.timeout_get(&timeouts).await?;
        Ok(Connection::new(object, self.tls.clone(), self.settled.clone()))
    }

    pub(super) fn usage(&self) -> Usage {
        let status = self.inner.status();
        Usage { idle: status.available, used: status.size - status.available, waiting: status.waiting }
    }
}

/// How much of a pool is in use.
pub(super) struct Usage {
    pub(super) idle: usize,
    pub(super) used: usize,
    /// Requests that wait for a connection.
    pub(super) waiting: usize,
}

//! The connection pool.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use deadpool_postgres::{Manager, ManagerConfig, PoolError, RecyclingMethod, Runtime, Timeouts};
use tokio_postgres::Config;

use super::connector::Hosts;
use crate::{
    settings::StartupError,
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
    pub(super) fn new(hosts: &Hosts, size: u32, connect_timeout: Duration) -> Result<Self, StartupError> {
        // The connection itself tells when it has ended.
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(Config::new(), hosts.within(connect_timeout), recycling);
        let inner = deadpool_postgres::Pool::builder(manager)
            .max_size(size as usize)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| StartupError::new(format!("the connection pool cannot be created: {error}")))?;
        Ok(Self { inner, tls: hosts.tls().clone(), connect_timeout, settled: Arc::default() })
    }

    /// A connection, if there is one before `deadline`.
    pub(super) async fn get(&self, deadline: Instant) -> Result<Connection, Error> {
        let left = deadline.saturating_duration_since(Instant::now());
        let limit = left.min(self.connect_timeout);
        // The pool has a time for each step: waiting, connecting and checking.
        match tokio::time::timeout(limit, self.within(limit)).await {
            Ok(connection) => Ok(connection?),
            Err(_) if self.is_exhausted() => Err(Error::Busy),
            Err(_) => Err(Error::NotConnected("it takes too long".to_owned())),
        }
    }

    /// A connection for the start of the service, with the error that the server has for it.
    pub(super) async fn first(&self) -> Result<Connection, PoolError> {
        self.within(self.connect_timeout).await
    }

    async fn within(&self, limit: Duration) -> Result<Connection, PoolError> {
        let limit = Some(limit);
        let timeouts = Timeouts { wait: limit, create: limit, recycle: limit };
        let object = self.inner.timeout_get(&timeouts).await?;
        Ok(Connection::new(object, self.tls.clone(), self.settled.clone()))
    }

    /// Whether all connections are in use.
    fn is_exhausted(&self) -> bool {
        let status = self.inner.status();
        status.available == 0 && status.size >= status.max_size
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

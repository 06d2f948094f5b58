//! Connects to one host after the other, each with its share of the timeout. Otherwise, an unresponsive host would use up the time
//! of those that follow.

use std::{
    future,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use deadpool_postgres::Connect;
use rand::seq::SliceRandom;
use tokio::{
    net::lookup_host,
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use tokio_postgres::{
    Client, Config, Error,
    config::{Host, LoadBalanceHosts},
};

use crate::storage::client::{Tls, describe};

/// The hosts of a database. Clones share what they know of them.
#[derive(Clone)]
pub(super) struct Hosts(Arc<Shared>);

struct Shared {
    /// Each names one host.
    configs: Vec<Config>,
    tls: Tls,
    /// The first statements on a new connection.
    set_up: String,
    /// The place of the host that took the last connection. The next one begins there, since others may say nothing.
    first: AtomicUsize,
}

/// Connects to the first host that takes a connection.
pub(super) struct Connector {
    hosts: Hosts,
    /// The time for all hosts.
    limit: Duration,
}

type Connected = (Client, JoinHandle<()>);

impl Hosts {
    /// Each of `configs` names one host. The server is told to cancel statements that take longer than `statement_timeout`.
    pub(super) fn new(configs: Vec<Config>, tls: Tls, statement_timeout: Duration) -> Self {
        let (set_up, first) = (limits(statement_timeout), AtomicUsize::new(0));
        Self(Arc::new(Shared { configs, tls, set_up, first }))
    }

    pub(super) fn within(&self, limit: Duration) -> Connector {
        Connector { hosts: self.clone(), limit }
    }

    pub(super) fn tls(&self) -> &Tls {
        &self.0.tls
    }

    async fn connect_to_any(&self, until: Instant) -> Result<Connected, Error> {
        let mut failure = None;
        let order = self.order();
        for (tried, &place) in order.iter().enumerate() {
            match self.connect_to(&self.0.configs[place], share(until, order.len() - tried)).await {
                Some(Ok(connected)) => {
                    self.0.first.store(place, Relaxed);
                    return Ok(connected);
                }
                Some(Err(error)) => failure = Some(error),
                None => {}
            }
        }
        match failure {
            Some(error) => Err(error),
            // No host has responded, and there is no error for that: the timeout of the pool ends it.
            None => future::pending().await,
        }
    }

    /// None if the host has not responded in time.
    async fn connect_to(&self, host: &Config, until: Instant) -> Option<Result<Connected, Error>> {
        let addresses = timeout_at(until, addresses(host)).await.ok()?;
        let mut failure = None;
        for (tried, address) in addresses.iter().enumerate() {
            match timeout_at(share(until, addresses.len() - tried), self.connect_at(address)).await {
                Ok(Ok(connected)) => return Some(Ok(connected)),
                Ok(Err(error)) => failure = Some(Err(error)),
                Err(_) => {}
            }
        }
        failure
    }

    async fn connect_at(&self, address: &Config) -> Result<Connected, Error> {
        let (client, connection) = address.connect(self.0.tls.clone()).await?;
        let task = tokio::spawn(run(connection));
        client.batch_execute(&self.0.set_up).await?;
        Ok((client, task))
    }

    /// The places of the hosts, in the order in which they are tried.
    fn order(&self) -> Vec<usize> {
        let Shared { configs, first, .. } = &*self.0;
        let mut order: Vec<usize> = (0..configs.len()).collect();
        order.rotate_left(first.load(Relaxed));
        if configs.iter().any(|config| config.get_load_balance_hosts() == LoadBalanceHosts::Random) {
            order.shuffle(&mut rand::rng());
        }
        order
    }
}

impl Connector {
    /// A connection that no pool has.
    pub(super) async fn connect_alone(&self) -> Result<Client, Error> {
        Ok(self.hosts.connect_to_any(Instant::now() + self.limit).await?.0)
    }
}

impl Connect for Connector {
    fn connect(&self, _: &Config) -> Pin<Box<dyn Future<Output = Result<Connected, Error>> + Send + '_>> {
        Box::pin(self.hosts.connect_to_any(Instant::now() + self.limit))
    }
}

/// When the first of so many has to be done, if all have the same share of the time until `until`.
fn share(until: Instant, count: usize) -> Instant {
    let now = Instant::now();
    now + until.saturating_duration_since(now) / u32::try_from(count).unwrap_or(u32::MAX)
}

/// One for each address that the name of a host has.
async fn addresses(host: &Config) -> Vec<Config> {
    let port = host.get_ports().first().copied().unwrap_or_default();
    let found: Vec<IpAddr> = match (host.get_hosts(), host.get_hostaddrs()) {
        ([Host::Tcp(name)], []) => {
            lookup_host((name.as_str(), port)).await.into_iter().flatten().map(|found| found.ip()).collect()
        }
        _ => Vec::new(),
    };
    if found.is_empty() {
        // It has its address, or says itself that there is none.
        return vec![host.clone()];
    }
    let at = |address: IpAddr| {
        let mut host = host.clone();
        host.hostaddr(address);
        host
    };
    found.into_iter().map(at).collect()
}

/// Runs a connection until its end.
async fn run(connection: impl Future<Output = Result<(), Error>>) {
    if let Err(error) = connection.await {
        tracing::warn!(error = %describe(&error), "a connection to the database has ended");
    }
}

/// The statements that set the timeouts of a connection.
fn limits(timeout: Duration) -> String {
    // For the server, 0 means no limit, and the maximum is that of an i32.
    let ms = timeout.as_millis().clamp(1, i32::MAX as u128);
    // A transaction whose service has disappeared silently must not keep its locks for ever.
    format!("SET statement_timeout = {ms}; SET idle_in_transaction_session_timeout = {ms}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_timeout_is_one_that_the_server_takes() {
        for (timeout, ms) in [
            (Duration::from_micros(500), "1"),
            (Duration::from_secs(10), "10000"),
            (Duration::from_secs(100 * 365 * 24 * 60 * 60), "2147483647"),
        ] {
            assert!(limits(timeout).starts_with(&format!("SET statement_timeout = {ms};")), "{timeout:?}");
        }
    }
}

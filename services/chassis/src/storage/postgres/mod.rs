//! A PostgreSQL, or what speaks its protocol: a pool of connections, and as many instances of the service as there may be.
//!
//! Nothing that another instance has to know is kept in memory. A write runs as a task of its own, so that a caller who hangs up
//! leaves no transaction behind, and it is cancelled on the server when the deadline of its request is over.

pub(super) mod transfer;
mod attempt;
mod health;
mod migrate;
mod pool;
mod address;
mod tls;
mod schema;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

pub use self::schema::Schema;
pub use super::client::{Connection, Error};
pub use tokio_postgres::Row;

use self::{
    address::Address,
    attempt::Attempts,
    health::Health,
    pool::{Pool, Usage},
};
use super::query::Query;
use crate::{
    context::{CancelOnDrop, RequestContext, Ticket},
    settings::{DatabaseSettings, StartupError},
    telemetry::{
        metrics,
        trace::{self, Span},
    },
};

/// A database. Clones share it.
#[derive(Clone)]
pub struct Database {
    shared: Arc<Shared>,
}

struct Shared {
    /// The name of the service.
    service: &'static str,
    schema: &'static Schema,
    /// Where it is, without a secret, and its name there.
    place: String,
    name: String,
    /// The variable that says so.
    variable: String,
    pool: Pool,
    health: Health,
    statement_timeout: Duration,
}

impl Database {
    /// The database of `service` at `url`, which was set by `variable`. Nothing is connected yet.
    ///
    /// # Errors
    /// The URL is wrong.
    pub(crate) fn at(
        url: &str,
        variable: &str,
        service: &'static str,
        schema: &'static Schema,
        settings: &DatabaseSettings,
    ) -> Result<Self, StartupError> {
        let address = Address::parse(url, service, settings)
            .map_err(|reason| StartupError::new(format!("{variable} cannot be used: {reason}.")))?;
        let shared = Shared {
            service,
            schema,
            place: address.place.clone(),
            name: address.config.get_dbname().unwrap_or(service).to_owned(),
            variable: variable.to_owned(),
            pool: Pool::new(&address, settings.database_pool_size as usize, settings)?,
            health: Health::new(Pool::new(&address, 1, settings)?),
            statement_timeout: settings.database_statement_timeout,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Connects, and migrates the database to the newest version of the schema, unless another instance has.
    ///
    /// # Errors
    /// It cannot be used. The error says why, and what to do.
    pub(crate) async fn start(&self) -> Result<(), StartupError> {
        let Shared { service, schema, place, variable, pool, .. } = &*self.shared;
        let start = async {
            migrate::refuse_unfinished_copy(pool).await?;
            migrate::migrate(pool, service, schema).await
        };
        start.await.map_err(|problem| problem.explain(place, variable))
    }

    /// Reads. A read that is given up is cancelled.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn read<Q: Query>(&self, query: Q) -> Result<Q::Output, Error> {
        let (span, began) = (self.span("read"), Instant::now());
        // The handler drops a read at the deadline of its request, but a list that is being sent may take longer.
        let outcome = Attempts::until(self.limit()).read(&self.shared.pool, &query).await;
        self.measure("read", began);
        span.end(outcome)
    }

    /// Writes in a transaction, and returns when it is committed.
    ///
    /// Dropping the future cancels the write, unless it has begun.
    ///
    /// # Errors
    /// The query fails or is cancelled, or it is not known whether it was committed.
    pub(crate) async fn write<Q>(&self, query: Q) -> Result<Q::Output, Error>
    where
        Q: Query + Send + Sync + 'static,
        Q::Output: Send + 'static,
    {
        let (span, began) = (self.span("write"), Instant::now());
        let ticket = Ticket::default();
        let _cancel_on_drop = CancelOnDrop(ticket.clone());
        RequestContext::with(|context| context.write.replace(Some(ticket.clone())));
        let deadline = RequestContext::with(|context| context.deadline).unwrap_or_else(|| self.limit());
        let (attempts, shared) = (Attempts::until(deadline), self.shared.clone());
        let write = tokio::spawn(async move { attempts.write(&shared.pool, &query, &ticket).await });
        let outcome = write.await;
        // The request may still be given up while it does something else.
        RequestContext::with(|context| context.write.take());
        self.measure("write", began);
        span.end(outcome.unwrap_or_else(|ended| match ended.is_panic() {
            true => Err(Error::Panicked),
            false => Err(Error::Stopped),
        }))
    }

    /// Checks that it can be reached, and takes writes.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        self.shared.health.check().await
    }

    /// Where it is, without a secret.
    pub(crate) fn place(&self) -> &str {
        &self.shared.place
    }

    fn measure(&self, operation: &str, began: Instant) {
        metrics::record_database_operation(operation, began.elapsed());
        let Usage { idle, used, waiting } = self.shared.pool.usage();
        metrics::set_database_connections(idle, used, waiting);
    }

    fn limit(&self) -> Instant {
        Instant::now() + self.shared.statement_timeout
    }

    fn span(&self, operation: &'static str) -> Span {
        trace::database_span(operation, "postgresql", || self.shared.name.clone())
    }
}

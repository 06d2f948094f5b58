//! PostgreSQL, or a server that speaks its protocol: a connection pool in each of any number of instances of the service.
//!
//! Nothing that another instance has to know is kept in memory. A write runs in a task, so that a caller who hangs up leaves no
//! transaction behind, and it is cancelled on the server at the deadline of its request. Reads by id and inserts that wait share a
//! statement (`group`); there, a commit is cancelled when its caller has left.

pub(super) mod transfer;
mod group;
mod batch;
mod member;
mod attempt;
mod health;
mod room;
mod migrate;
mod problem;
mod pool;
mod address;
mod connector;
mod tls;
mod schema;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

pub use self::schema::Schema;
pub use super::client::{Connection, Error, List};
pub use tokio_postgres::Row;

use opentelemetry::trace::SpanKind;

use self::{
    address::Address,
    attempt::Attempts,
    connector::Hosts,
    group::Groups,
    health::{Health, PROBE_TIMEOUT},
    member::{Access, Member},
    pool::{Pool, Usage},
    room::Room,
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
    /// The setting that has its URL, such as `SHOP_DATABASE_URL`.
    source: String,
    pool: Arc<Pool>,
    groups: Groups,
    health: Health,
    room: Room,
    statement_timeout: Duration,
}

impl Database {
    /// The database of `service` at `url`, which `source` sets. Nothing is connected yet.
    ///
    /// # Errors
    /// The URL is wrong.
    pub(crate) fn at(
        url: &str,
        source: &str,
        service: &'static str,
        schema: &'static Schema,
        settings: &DatabaseSettings,
    ) -> Result<Self, StartupError> {
        let address = Address::parse(url, service, settings)
            .map_err(|reason| StartupError::new(format!("{source} cannot be used: {reason}.")))?;
        let (connect_timeout, statement_timeout) =
            (settings.database_connect_timeout, settings.database_statement_timeout);
        let hosts = Hosts::new(address.hosts, address.tls, statement_timeout);
        let shared = Shared {
            service,
            schema,
            place: address.place,
            name: address.database.unwrap_or_else(|| service.to_owned()),
            source: source.to_owned(),
            pool: Arc::new(Pool::new(&hosts, settings.database_pool_size, connect_timeout)?),
            groups: Groups::default(),
            health: Health::new(Pool::new(&hosts, 1, connect_timeout.min(PROBE_TIMEOUT))?),
            room: Room::default(),
            statement_timeout,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Connects, and migrates the database to the newest version of the schema, unless another instance has.
    ///
    /// # Errors
    /// It cannot be used. The error says why, and what to do.
    pub(crate) async fn start(&self) -> Result<(), StartupError> {
        let Shared { service, schema, place, source, pool, .. } = &*self.shared;
        let start = async {
            migrate::refuse_unfinished_copy(pool).await?;
            migrate::migrate(pool, service, schema).await
        };
        start.await.map_err(|problem| problem.explain(place, source))
    }

    /// Reads. A read whose caller stops waiting is cancelled.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn read<Q: Query>(&self, query: Q) -> Result<Q::Output, Error> {
        let (span, _timer) = (self.span("read"), Timer::start("read"));
        let pool = &self.shared.pool;
        // The handler drops a read at the deadline of its request, but a list that is being sent may take longer.
        let deadline = self.limit();
        let read = async { Attempts::until(deadline).read(pool.get(deadline).await?, pool, &query).await };
        span.end(read.await)
    }

    /// Reads, possibly with others that ask for the same type of query.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn read_in_group<Q>(&self, query: Q) -> Result<Q::Output, Error>
    where
        Q: Query + Send + Sync + 'static,
        Q::Output: Send + 'static,
    {
        let (span, _timer) = (self.span("read"), Timer::start("read"));
        let Shared { groups, pool, .. } = &*self.shared;
        span.end(groups.of(Access::Read, pool).run(query, Ticket::default(), self.deadline()).await)
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
        let (span, _timer) = (self.span("write"), Timer::start("write"));
        let ticket = Ticket::default();
        let _cancel_on_drop = CancelOnDrop(ticket.clone());
        RequestContext::with(|context| context.write.replace(Some(ticket.clone())));
        let outcome = if query.is_grouped() {
            let Shared { groups, pool, .. } = &*self.shared;
            groups.of(Access::Write, pool).run(query, ticket, self.deadline()).await
        } else {
            self.write_alone(query, ticket).await
        };
        // The request may still be cancelled while it does something else.
        RequestContext::with(|context| context.write.take());
        self.shared.room.observe(&outcome);
        span.end(outcome)
    }

    async fn write_alone<Q>(&self, query: Q, ticket: Ticket) -> Result<Q::Output, Error>
    where
        Q: Query + Send + Sync + 'static,
        Q::Output: Send + 'static,
    {
        let (member, outcome) = Member::new(query, ticket, self.deadline());
        let pool = self.shared.pool.clone();
        tokio::spawn(async move { member.run_alone(Access::Write, &pool).await });
        outcome.get().await
    }

    /// Checks that it can be reached, and takes writes.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        self.shared.health.check().await?;
        self.shared.room.check(&self.shared.pool).await
    }

    /// Where it is, without a secret.
    pub(crate) fn place(&self) -> &str {
        &self.shared.place
    }

    /// Shows in the metrics how the connections are used now.
    pub(crate) fn measure(&self) {
        let Usage { idle, used, waiting } = self.shared.pool.usage();
        metrics::set_database_connections(idle, used, waiting);
    }

    /// The deadline of the request, if there is one.
    fn deadline(&self) -> Instant {
        RequestContext::with(|context| context.deadline).unwrap_or_else(|| self.limit())
    }

    fn limit(&self) -> Instant {
        Instant::now() + self.shared.statement_timeout
    }

    fn span(&self, operation: &'static str) -> Span {
        trace::database_span(SpanKind::Client, operation, "postgresql", || self.shared.name.clone())
    }
}

/// Measures a read or a write, even if it is cancelled.
struct Timer {
    operation: &'static str,
    began: Instant,
}

impl Timer {
    fn start(operation: &'static str) -> Self {
        Self { operation, began: Instant::now() }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        metrics::record_database_operation(self.operation, self.began.elapsed());
    }
}

//! Runs a query: retried if the server asks for it, and cancelled at its deadline.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use tokio::time::{sleep, sleep_until, timeout};

use super::pool::Pool;
use crate::storage::{
    client::{Connection, Error},
    query::Query,
};

/// The pause before the second attempt, and the longest one. Each further one is twice as long, less a random part, so that two that were in each
/// other's way are not again.
const PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// How long the server may take to say what became of a statement that it was asked to cancel.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(1);

/// The attempts to run one query.
pub(super) struct Attempts {
    deadline: Instant,
    pause: Duration,
}

impl Attempts {
    pub(super) fn until(deadline: Instant) -> Self {
        Self { deadline, pause: PAUSE }
    }

    /// Reads, at first with this connection.
    pub(super) async fn read<Q: Query>(
        mut self,
        mut connection: Connection,
        pool: &Pool,
        query: &Q,
    ) -> Result<Q::Output, Error> {
        loop {
            let outcome = query.postgres(&connection).await.map_err(Error::before_commit);
            finish(connection, &outcome);
            match outcome {
                Err(error) if self.may_repeat(&error).await => connection = pool.get(self.deadline).await?,
                outcome => return outcome,
            }
        }
    }

    /// Writes, at first with this connection.
    pub(super) async fn write<Q: Query>(
        mut self,
        mut connection: Connection,
        pool: &Pool,
        query: &Q,
    ) -> Result<Q::Output, Error> {
        loop {
            let outcome = self.write_once(&connection, query).await;
            finish(connection, &outcome);
            match outcome {
                Err(error) if self.may_repeat(&error).await => connection = pool.get(self.deadline).await?,
                outcome => return outcome,
            }
        }
    }

    /// Whether the query is to be run again after this error. If so, waits until then.
    async fn may_repeat(&mut self, error: &Error) -> bool {
        if !error.is_repeatable() || Instant::now() + self.pause >= self.deadline {
            return false;
        }
        tracing::debug!(%error, "retrying a query");
        sleep(self.pause.mul_f64(rand::random_range(0.5..1.0))).await;
        self.pause = LONGEST_PAUSE.min(2 * self.pause);
        true
    }

    /// Runs a transaction, and cancels it at the deadline.
    async fn write_once<Q: Query>(&self, connection: &Connection, query: &Q) -> Result<Q::Output, Error> {
        let mut transaction = pin!(transact(connection, query));
        tokio::select! {
            biased;
            outcome = &mut transaction => return outcome,
            () = sleep_until(self.deadline.into()) => {}
        }
        // The server may have committed just before, or fail for another reason.
        let cancelled = async {
            if let Some((token, tls)) = connection.cancellation() {
                let _ = token.cancel_query(tls).await;
            }
            transaction.await
        };
        match timeout(CANCEL_TIMEOUT, cancelled).await {
            Ok(Err(error)) if error.is_cancellation() => Err(Error::Cancelled),
            // It may be the wait for a synchronous standby that was cancelled, which the server reports as a success.
            Ok(Ok(_)) => Err(Error::Unknown("it was cancelled at the deadline of the request".to_owned())),
            Ok(outcome) => outcome,
            Err(_) if connection.is_committing() => {
                Err(Error::Unknown("the server does not respond, not even to a cancel request".to_owned()))
            }
            Err(_) => Err(Error::Cancelled),
        }
    }
}

async fn transact<Q: Query>(connection: &Connection, query: &Q) -> Result<Q::Output, Error> {
    if query.is_one_statement() {
        connection.begin_commit();
        return query.postgres(connection).await.map_err(Error::of_commit);
    }
    connection.batch("BEGIN").await.map_err(Error::before_commit)?;
    match query.postgres(connection).await {
        Ok(output) => {
            connection.begin_commit();
            connection.batch("COMMIT").await.map_err(Error::of_commit)?;
            Ok(output)
        }
        Err(error) => {
            let error = error.before_commit();
            // A connection that has ended has rolled it back.
            if !matches!(error, Error::Interrupted(_)) {
                connection.batch("ROLLBACK").await.map_err(Error::before_commit)?;
            }
            Err(error)
        }
    }
}

/// Returns the connection to the pool, unless its state is unknown, or it is broken.
pub(super) fn finish<T>(connection: Connection, outcome: &Result<T, Error>) {
    match outcome {
        Err(Error::Interrupted(_) | Error::Unknown(_) | Error::Cancelled) => drop(connection),
        Err(error) if error.is_read_only() => drop(connection),
        _ => connection.finish(),
    }
}

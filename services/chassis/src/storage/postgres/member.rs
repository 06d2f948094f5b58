//! A query that may run with others, and its caller.

use std::{thread, time::Instant};

use tokio::sync::oneshot;

use super::{attempt::Attempts, pool::Pool};
use crate::{
    context::Ticket,
    storage::{
        client::{Connection, Error},
        query::Query,
    },
};

/// What a query does.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Access {
    Read,
    Write,
}

/// A query, and who waits for it.
pub(super) struct Member<Q: Query> {
    pub(super) query: Q,
    ticket: Ticket,
    pub(super) deadline: Instant,
    caller: Caller<Q::Output>,
}

impl<Q: Query> Member<Q> {
    /// A member, and where its outcome will be.
    pub(super) fn new(query: Q, ticket: Ticket, deadline: Instant) -> (Self, Outcome<Q::Output>) {
        let (caller, outcome) = oneshot::channel();
        (Self { query, ticket, deadline, caller: Caller(Some(caller)) }, Outcome(outcome))
    }

    /// Begins, unless the caller has given up. May be called again.
    pub(super) fn begin(&self) -> bool {
        !self.caller.is_gone() && self.ticket.begin()
    }

    /// Runs alone, as soon as there is a connection.
    pub(super) async fn run_alone(self, access: Access, pool: &Pool) {
        match pool.get(self.deadline).await {
            Ok(connection) if self.begin() => self.run(access, connection, pool).await,
            Ok(connection) => {
                connection.finish();
                self.reply(Err(Error::Cancelled));
            }
            Err(error) => self.reply(Err(error)),
        }
    }

    /// Runs alone, with this connection first. A read whose caller gives up is cancelled.
    pub(super) async fn run(mut self, access: Access, connection: Connection, pool: &Pool) {
        let attempts = Attempts::until(self.deadline);
        let outcome = match access {
            Access::Write => attempts.write(connection, pool, &self.query).await,
            Access::Read => tokio::select! {
                biased;
                outcome = attempts.read(connection, pool, &self.query) => outcome,
                () = self.caller.gone() => return,
            },
        };
        self.reply(outcome);
    }

    /// The query, and what waits until the caller has given up.
    pub(super) fn watch(&mut self) -> (&Q, impl Future<Output = ()>) {
        (&self.query, self.caller.gone())
    }

    pub(super) fn reply(mut self, outcome: Result<Q::Output, Error>) {
        self.caller.reply(outcome);
    }
}

/// Who waits for an outcome, and gets one even if the task that works on it panics or is dropped.
struct Caller<T>(Option<oneshot::Sender<Result<T, Error>>>);

impl<T> Caller<T> {
    fn is_gone(&self) -> bool {
        self.0.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    async fn gone(&mut self) {
        if let Some(caller) = &mut self.0 {
            caller.closed().await;
        }
    }

    fn reply(&mut self, outcome: Result<T, Error>) {
        if let Some(caller) = self.0.take() {
            // It may have hung up.
            let _ = caller.send(outcome);
        }
    }
}

impl<T> Drop for Caller<T> {
    fn drop(&mut self) {
        self.reply(Err(if thread::panicking() { Error::Panicked } else { Error::Stopped }));
    }
}

/// The outcome of a member.
pub(super) struct Outcome<T>(oneshot::Receiver<Result<T, Error>>);

impl<T> Outcome<T> {
    pub(super) async fn get(self) -> Result<T, Error> {
        self.0.await.unwrap_or(Err(Error::Stopped))
    }
}

//! A query that may run with others.

use std::time::Instant;

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
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// A query, and who waits for it.
pub(super) struct Member<Q: Query> {
    pub(super) query: Q,
    pub(super) ticket: Ticket,
    pub(super) deadline: Instant,
    pub(super) caller: oneshot::Sender<Result<Q::Output, Error>>,
}

impl<Q: Query> Member<Q> {
    /// Begins, unless the caller has given up.
    pub(super) fn begin(&self) -> bool {
        !self.caller.is_closed() && self.ticket.begin()
    }

    /// Runs alone, with this connection first. A read whose caller gives up is cancelled.
    pub(super) async fn run(mut self, access: Access, connection: Connection, pool: &Pool) {
        let attempts = Attempts::until(self.deadline);
        let outcome = match access {
            Access::Write => attempts.write(connection, pool, &self.query).await,
            Access::Read => tokio::select! {
                biased;
                outcome = attempts.read(connection, pool, &self.query) => outcome,
                () = self.caller.closed() => return,
            },
        };
        self.reply(outcome);
    }

    /// Runs alone, if there is time left for that.
    pub(super) async fn run_alone(self, access: Access, pool: &Pool) {
        if self.deadline <= Instant::now() {
            return self.reply(Err(Error::Cancelled));
        }
        match pool.get(self.deadline).await {
            Ok(connection) => self.run(access, connection, pool).await,
            Err(error) => self.reply(Err(error)),
        }
    }

    pub(super) fn reply(self, outcome: Result<Q::Output, Error>) {
        // The caller may have hung up.
        let _ = self.caller.send(outcome);
    }
}

//! Batches: queries of one type that run as one statement, and each alone if that fails.
//!
//! No member suffers from another. A write whose deadline is near runs alone. If a batch has not come to its commit when the first
//! deadline is over, it is rolled back, and the others run alone. The commit is awaited by each until its own deadline.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join;
use tokio::time::timeout_at;

use super::{
    attempt::finish,
    member::{Access, Member},
    pool::Pool,
};
use crate::storage::{
    client::{Connection, Error},
    query::Query,
};

/// A write that has less time left runs alone. A batch takes a small part of that, unless something is wrong.
const ENOUGH: Duration = Duration::from_millis(250);

/// Queries that run together.
pub(super) struct Batch<Q: Query> {
    members: Vec<Member<Q>>,
    access: Access,
    pool: Arc<Pool>,
}

impl<Q> Batch<Q>
where
    Q: Query + Send + Sync + 'static,
    Q::Output: Send + 'static,
{
    pub(super) fn new(members: Vec<Member<Q>>, access: Access, pool: Arc<Pool>) -> Self {
        Self { members, access, pool }
    }

    /// Runs all of them, and replies to each.
    pub(super) async fn run(mut self, connection: Connection) {
        if self.access == Access::Write && self.members.len() > 1 {
            let enough = Instant::now() + ENOUGH;
            let hurried = self.members.extract_if(.., |member| member.deadline < enough).collect();
            self.run_apart(hurried);
        }
        match (self.members.len(), self.access) {
            (2.., Access::Read) => self.read(connection).await,
            (2.., Access::Write) => self.write(connection).await,
            _ => match self.members.pop() {
                Some(member) => member.run(self.access, connection, &self.pool).await,
                None => connection.finish(),
            },
        }
    }

    async fn read(mut self, connection: Connection) {
        // Whoever has an earlier deadline does not wait any more by then.
        let latest = self.members.iter().map(|member| member.deadline).max();
        match within(latest, self.execute(&connection)).await {
            Ok(outputs) => {
                connection.finish();
                self.members.into_iter().zip(outputs).for_each(|(member, output)| member.reply(Ok(output)));
            }
            Err(error) => {
                finish(connection, &Err::<(), _>(error.before_commit()));
                let members = self.members.drain(..).collect();
                self.run_apart(members);
            }
        }
    }

    async fn write(mut self, connection: Connection) {
        let earliest = self.members.iter().map(|member| member.deadline).min();
        let executed = within(earliest, self.begin(&connection)).await;
        let members = self.members.drain(..);
        match executed {
            Ok(outputs) => {
                let members = members.zip(outputs).collect();
                self.commit(connection, members).await;
            }
            Err(Error::Unknown(reason)) => members.for_each(|member| member.reply(unknown(&reason))),
            Err(error) => {
                tracing::debug!(%error, "the members of a batch run alone");
                // The transaction ends with its connection.
                drop(connection);
                let members = members.collect();
                self.run_apart(members);
            }
        }
    }

    /// Runs everything but the commit.
    async fn begin(&self, connection: &Connection) -> Result<Vec<Q::Output>, Error> {
        // Both are sent at once.
        match join(connection.batch("BEGIN"), self.execute(connection)).await {
            (Ok(()), executed) => executed.map_err(Error::before_commit),
            // What was executed may have been a transaction of its own.
            (Err(error), Ok(_)) => Err(Error::Unknown(error.to_string())),
            (Err(error), Err(_)) => Err(error.before_commit()),
        }
    }

    async fn execute(&self, connection: &Connection) -> Result<Vec<Q::Output>, Error> {
        let queries: Vec<&Q> = self.members.iter().map(|member| &member.query).collect();
        let outputs = Q::postgres_all(&queries, connection).await?;
        match outputs.len() == queries.len() {
            true => Ok(outputs),
            false => Err(Error::NoRow("a statement for many returned fewer or more")),
        }
    }

    async fn commit(&self, connection: Connection, mut members: Vec<(Member<Q>, Q::Output)>) {
        connection.begin_commit();
        let outcome = {
            let mut committing = pin!(connection.batch("COMMIT"));
            loop {
                let Some(next) = members.iter().map(|(member, _)| member.deadline).min() else { break None };
                if let Ok(outcome) = timeout_at(next.into(), &mut committing).await {
                    break Some(outcome.map_err(Error::of_commit));
                }
                let late = members.extract_if(.., |(member, _)| member.deadline <= next);
                late.for_each(|(member, _)| member.reply(unknown("the deadline of the request was over")));
            }
        };
        // If nobody waits any more, it is cancelled.
        let Some(outcome) = outcome else { return drop(connection) };
        finish(connection, &outcome);
        match outcome {
            Ok(()) => members.into_iter().for_each(|(member, output)| member.reply(Ok(output))),
            Err(Error::Unknown(reason)) => {
                members.into_iter().for_each(|(member, _)| member.reply(unknown(&reason)));
            }
            Err(_) => self.run_apart(members.into_iter().map(|(member, _)| member).collect()),
        }
    }

    /// Runs each as a task of its own.
    fn run_apart(&self, members: Vec<Member<Q>>) {
        for member in members {
            let (access, pool) = (self.access, self.pool.clone());
            tokio::spawn(async move { member.run_alone(access, &pool).await });
        }
    }
}

fn unknown<T>(reason: &str) -> Result<T, Error> {
    Err(Error::Unknown(reason.to_owned()))
}

/// Fails at the deadline.
async fn within<T>(
    deadline: Option<Instant>,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match deadline {
        Some(deadline) => timeout_at(deadline.into(), work).await.unwrap_or(Err(Error::Cancelled)),
        None => work.await,
    }
}

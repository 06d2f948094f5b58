//! Batches: queries of one type that run as one statement, and each alone if that fails.
//!
//! No member suffers from the value or the deadline of another. A write whose deadline is near runs alone. If a batch has not come
//! to its commit at the first deadline, it is rolled back, and the others run alone. Each awaits the commit until its own deadline.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::{join, join_all};
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

/// Runs all members, and replies to each. Those who have given up do not begin.
pub(super) async fn run<Q>(
    mut members: Vec<Member<Q>>,
    access: Access,
    connection: Connection,
    pool: Arc<Pool>,
) where
    Q: Query + Send + Sync + 'static,
    Q::Output: Send + 'static,
{
    if access == Access::Write && members.len() > 1 {
        let enough = Instant::now() + ENOUGH;
        let hurried = members.extract_if(.., |member| member.deadline < enough).collect();
        run_apart(hurried, access, &pool);
    }
    members.retain(Member::begin);
    match (members.len(), access) {
        (2.., Access::Read) => read(members, connection, &pool).await,
        (2.., Access::Write) => write(members, connection, &pool).await,
        _ => match members.pop() {
            Some(member) => member.run(access, connection, &pool).await,
            None => connection.finish(),
        },
    }
}

/// Replies to each that it has failed.
pub(super) fn fail<Q: Query>(members: Vec<Member<Q>>, error: Error) {
    let error = Arc::new(error);
    members.into_iter().for_each(|member| member.reply(Err(Error::Shared(error.clone()))));
}

async fn read<Q>(mut members: Vec<Member<Q>>, connection: Connection, pool: &Arc<Pool>)
where
    Q: Query + Send + Sync + 'static,
    Q::Output: Send + 'static,
{
    // A caller with an earlier deadline has stopped waiting by then.
    let latest = members.iter().map(|member| member.deadline).max();
    let (queries, callers): (Vec<_>, Vec<_>) = members.iter_mut().map(Member::watch).unzip();
    let outcome = tokio::select! {
        biased;
        outcome = within(latest, execute(&queries, &connection)) => outcome,
        // The statement is cancelled with its connection.
        _ = join_all(callers) => return,
    };
    let outcome = outcome.map_err(Error::before_commit);
    finish(connection, &outcome);
    match outcome {
        Ok(outputs) => members.into_iter().zip(outputs).for_each(|(member, output)| member.reply(Ok(output))),
        Err(error) => fail_or_run_apart(members, error, Access::Read, pool),
    }
}

async fn write<Q>(members: Vec<Member<Q>>, connection: Connection, pool: &Arc<Pool>)
where
    Q: Query + Send + Sync + 'static,
    Q::Output: Send + 'static,
{
    let earliest = members.iter().map(|member| member.deadline).min();
    let queries: Vec<_> = members.iter().map(|member| &member.query).collect();
    match within(earliest, begin(&queries, &connection)).await {
        Ok(outputs) => commit(members.into_iter().zip(outputs).collect(), connection, pool).await,
        Err(error @ Error::Unknown(_)) => fail(members, error),
        Err(error) => {
            roll_back(connection, &error).await;
            fail_or_run_apart(members, error, Access::Write, pool);
        }
    }
}

/// Runs everything but the commit.
async fn begin<Q>(queries: &[&Q], connection: &Connection) -> Result<Vec<Q::Output>, Error>
where
    Q: Query + Sync,
    Q::Output: Send,
{
    // Both are sent at once.
    match join(connection.batch("BEGIN"), execute(queries, connection)).await {
        (Ok(()), executed) => executed.map_err(Error::before_commit),
        (Err(begun), executed) => {
            let begun = begun.before_commit();
            let has_ended = |error: &Error| matches!(error, Error::Interrupted(_));
            // Without the transaction, the statement was one of its own, and it may be unknown whether it was committed.
            let is_known = has_ended(&begun) || executed.is_err_and(|it| !has_ended(&it.before_commit()));
            Err(if is_known { begun } else { Error::Unknown(begun.to_string()) })
        }
    }
}

async fn execute<Q>(queries: &[&Q], connection: &Connection) -> Result<Vec<Q::Output>, Error>
where
    Q: Query + Sync,
    Q::Output: Send,
{
    let outputs = Q::postgres_all(queries, connection).await?;
    match outputs.len() == queries.len() {
        true => Ok(outputs),
        false => Err(Error::NoRow("the output of a query in a batch")),
    }
}

async fn commit<Q>(mut members: Vec<(Member<Q>, Q::Output)>, connection: Connection, pool: &Arc<Pool>)
where
    Q: Query + Send + Sync + 'static,
    Q::Output: Send + 'static,
{
    connection.begin_commit();
    let outcome = {
        let mut committing = pin!(connection.batch("COMMIT"));
        loop {
            let Some(next) = members.iter().map(|(member, _)| member.deadline).min() else { break None };
            if let Ok(outcome) = timeout_at(next.into(), &mut committing).await {
                break Some(outcome.map_err(Error::of_commit));
            }
            let late =
                members.extract_if(.., |(member, _)| member.deadline <= next).map(|(member, _)| member);
            fail(late.collect(), Error::Unknown("the deadline of the request was over".to_owned()));
        }
    };
    // If all callers have left, it is cancelled.
    let Some(outcome) = outcome else { return drop(connection) };
    finish(connection, &outcome);
    match outcome {
        Ok(()) => members.into_iter().for_each(|(member, output)| member.reply(Ok(output))),
        Err(error) => {
            let members = members.into_iter().map(|(member, _)| member).collect();
            match error {
                Error::Unknown(_) => fail(members, error),
                error => fail_or_run_apart(members, error, Access::Write, pool),
            }
        }
    }
}

/// Gives the connection back without a transaction, if it is known to be of use.
async fn roll_back(connection: Connection, error: &Error) {
    let is_open = matches!(error, Error::Statement(_) | Error::Value(_) | Error::NoRow(_));
    let rolled_back = || within(Some(Instant::now() + ENOUGH), connection.batch("ROLLBACK"));
    if is_open && !error.is_read_only() && rolled_back().await.is_ok() {
        connection.finish();
    }
}

/// Runs each alone, unless all of them would fail in the same way.
fn fail_or_run_apart<Q>(members: Vec<Member<Q>>, error: Error, access: Access, pool: &Arc<Pool>)
where
    Q: Query + Send + Sync + 'static,
    Q::Output: Send + 'static,
{
    if error.is_of_server() {
        return fail(members, error);
    }
    tracing::debug!(%error, members = members.len(), "the members of a batch run alone");
    run_apart(members, access, pool);
}

/// Runs each as a task of its own.
fn run_apart<Q>(members: Vec<Member<Q>>, access: Access, pool: &Arc<Pool>)
where
    Q: Query + Send + Sync + 'static,
    Q::Output: Send + 'static,
{
    for member in members {
        let pool = pool.clone();
        tokio::spawn(async move { member.run_alone(access, &pool).await });
    }
}

/// Fails at the deadline, if there is one.
async fn within<T>(
    deadline: Option<Instant>,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match deadline {
        Some(deadline) => timeout_at(deadline.into(), work).await.unwrap_or(Err(Error::Cancelled)),
        None => work.await,
    }
}

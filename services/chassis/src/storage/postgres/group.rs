//! Groups: while some queries of a type are in flight, further ones collect, and the next statement takes all of them.
//!
//! A query that finds the server idle runs at once and alone, so nobody waits for company. With many callers, the server
//! plans, executes and commits once for all who waited, which takes a fraction of the time.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use tokio::{sync::oneshot, time::timeout};

use super::{
    batch::Batch,
    member::{Access, Member},
    pool::Pool,
};
use crate::{
    context::Ticket,
    storage::{client::Error, query::Query},
};

/// How many batches of a group are in flight at the same time. One leaves the server idle while its outcome is on the way; with many, they
/// are small.
const LANES: usize = 2;

/// The most members of a batch, which bounds how long the first of them waits for the last.
const LIMIT: usize = 256;

/// After this time, a batch does not keep others from starting: it may wait for a lock, or for a server that is gone.
const STALL: Duration = Duration::from_millis(250);

/// The groups of a database, one for each type of query.
#[derive(Default)]
pub(super) struct Groups(RwLock<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Groups {
    pub(super) fn of<Q>(&self, access: Access, pool: &Arc<Pool>) -> Group<Q>
    where
        Q: Query + Send + Sync + 'static,
        Q::Output: Send + 'static,
    {
        let id = TypeId::of::<Q>();
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        let queue = known.unwrap_or_else(|| {
            let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
            all.entry(id).or_insert_with(|| Arc::new(Mutex::new(Queue::<Q>::new()))).clone()
        });
        let queue = queue.downcast().unwrap_or_else(|_| Arc::new(Mutex::new(Queue::new())));
        Group { queue, access, pool: pool.clone() }
    }
}

/// The queries of one type.
pub(super) struct Group<Q: Query> {
    queue: Arc<Mutex<Queue<Q>>>,
    access: Access,
    pool: Arc<Pool>,
}

struct Queue<Q: Query> {
    waiting: Vec<Member<Q>>,
    /// How many lanes are in use.
    lanes: usize,
}

impl<Q: Query> Queue<Q> {
    fn new() -> Self {
        Self { waiting: Vec::new(), lanes: 0 }
    }
}

impl<Q> Group<Q>
where
    Q: Query + Send + Sync + 'static,
    Q::Output: Send + 'static,
{
    /// Runs a query, possibly with others. It has begun when its ticket has.
    pub(super) async fn run(self, query: Q, ticket: Ticket, deadline: Instant) -> Result<Q::Output, Error> {
        let (caller, outcome) = oneshot::channel();
        if self.enter(Member { query, ticket, deadline, caller }) {
            tokio::spawn(self.work());
        }
        outcome.await.unwrap_or(Err(Error::Panicked))
    }

    /// Queues a member, and takes a lane if one is free.
    fn enter(&self, member: Member<Q>) -> bool {
        let mut queue = self.queue();
        queue.waiting.push(member);
        let has_lane = queue.lanes < LANES;
        queue.lanes += usize::from(has_lane);
        has_lane
    }

    /// Runs batches in a lane until nobody waits.
    async fn work(self) {
        while let Some((count, deadline)) = self.waiting_or_end() {
            // The connection comes first, so that whoever waits for one can still give up.
            let connection = match self.pool.get(deadline).await {
                Ok(connection) => connection,
                Err(error) => {
                    let members: Vec<_> = self.queue().waiting.drain(..count).collect();
                    members.into_iter().for_each(|member| member.reply(Err(error.for_another())));
                    continue;
                }
            };
            let work = Batch::new(self.take(), self.access, self.pool.clone()).run(connection);
            // Callers of a batch that panics learn it from their channels.
            let mut work = Box::pin(AssertUnwindSafe(work).catch_unwind());
            if timeout(STALL, &mut work).await.is_err() {
                tokio::spawn(work);
            }
        }
    }

    /// How many wait, and until when at most. None if the lane has ended, since nobody does.
    fn waiting_or_end(&self) -> Option<(usize, Instant)> {
        let mut queue = self.queue();
        let latest = queue.waiting.iter().map(|member| member.deadline).max();
        queue.lanes -= usize::from(latest.is_none());
        latest.map(|latest| (queue.waiting.len(), latest))
    }

    /// Those who have waited longest, without those who have given up.
    fn take(&self) -> Vec<Member<Q>> {
        let mut queue = self.queue();
        let count = LIMIT.min(queue.waiting.len());
        queue.waiting.drain(..count).filter(Member::begin).collect()
    }

    fn queue(&self) -> MutexGuard<'_, Queue<Q>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

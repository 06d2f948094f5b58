//! Groups: while some queries of a type are in flight, further ones collect, and the next statement takes all of them.
//!
//! A query that finds a free lane runs at once and alone, so no query waits for others to join. With many callers, the server plans,
//! executes and commits once for all who waited, which takes a fraction of the time.

use std::{
    any::{Any, TypeId},
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, Instant},
};

use tokio::time::timeout;

use super::{
    batch,
    member::{Access, Member},
    pool::Pool,
};
use crate::{
    context::Ticket,
    storage::{client::Error, query::Query},
};

/// How many batches of a group are in flight at the same time. One leaves the server idle while its outcome is on the way; with
/// many, they are small.
const LANES: usize = 2;

/// The most members of a batch, which bounds how long the first of them waits for the last.
const LIMIT: usize = 256;

/// After this time, a batch does not keep others from starting: it may wait for a lock, or for a server that is gone.
const STALL: Duration = Duration::from_millis(250);

/// The groups of a database, one for each type of query.
#[derive(Default)]
pub(super) struct Groups(RwLock<HashMap<(TypeId, Access), Arc<dyn Any + Send + Sync>>>);

impl Groups {
    #[expect(clippy::expect_used, reason = "the key has the type of the query")]
    pub(super) fn of<Q>(&self, access: Access, pool: &Arc<Pool>) -> Group<Q>
    where
        Q: Query + Send + Sync + 'static,
        Q::Output: Send + 'static,
    {
        let key = (TypeId::of::<Q>(), access);
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let queue = known.unwrap_or_else(|| {
            let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
            all.entry(key).or_insert_with(|| Arc::new(Mutex::new(Queue::<Q>::new()))).clone()
        });
        Group { queue: queue.downcast().expect("a queue of these queries"), access, pool: pool.clone() }
    }
}

/// The queries of one type.
pub(super) struct Group<Q: Query> {
    queue: Arc<Mutex<Queue<Q>>>,
    access: Access,
    pool: Arc<Pool>,
}

struct Queue<Q: Query> {
    waiting: VecDeque<Member<Q>>,
    /// How many have left it so far.
    left: usize,
    /// How many lanes are in use.
    lanes: usize,
}

impl<Q: Query> Queue<Q> {
    fn new() -> Self {
        Self { waiting: VecDeque::new(), left: 0, lanes: 0 }
    }

    /// The place of the next member, counted from the first that there ever was.
    fn end(&self) -> usize {
        self.left + self.waiting.len()
    }

    /// Those who have waited longest, before `end`, and `limit` at most.
    fn take(&mut self, end: usize, limit: usize) -> Vec<Member<Q>> {
        let count = end.saturating_sub(self.left).min(self.waiting.len()).min(limit);
        self.left += count;
        self.waiting.drain(..count).collect()
    }
}

impl<Q> Group<Q>
where
    Q: Query + Send + Sync + 'static,
    Q::Output: Send + 'static,
{
    /// Runs a query, possibly with others. It has begun when its ticket has.
    pub(super) async fn run(self, query: Q, ticket: Ticket, deadline: Instant) -> Result<Q::Output, Error> {
        let (member, outcome) = Member::new(query, ticket, deadline);
        if let Some(lane) = self.enter(member) {
            tokio::spawn(self.work(lane));
        }
        outcome.get().await
    }

    /// Queues a member, and takes a lane if one is free.
    fn enter(&self, member: Member<Q>) -> Option<Lane<Q>> {
        let mut queue = self.queue();
        queue.waiting.push_back(member);
        (queue.lanes < LANES).then(|| {
            queue.lanes += 1;
            Lane(Some(self.queue.clone()))
        })
    }

    /// Runs batches in a lane until no query waits.
    async fn work(self, mut lane: Lane<Q>) {
        while let Some((end, deadline)) = lane.waiting_or_end() {
            // The connection comes first, so that queries that wait for one can still time out.
            match self.pool.get(deadline).await {
                Ok(connection) => {
                    let members = self.queue().take(usize::MAX, LIMIT);
                    let work = batch::run(members, self.access, connection, self.pool.clone());
                    let mut work = tokio::spawn(work);
                    // A batch that takes longer goes on without the lane, and one that panics tells its callers.
                    let _ = timeout(STALL, &mut work).await;
                }
                Err(error) => batch::fail(self.queue().take(end, usize::MAX), error),
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<Q>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lane that is in use, until this is dropped. None once it has ended.
struct Lane<Q: Query>(Option<Arc<Mutex<Queue<Q>>>>);

impl<Q: Query> Lane<Q> {
    /// The queries that wait, and until when they wait at most. None if none waits, and the lane has ended.
    fn waiting_or_end(&mut self) -> Option<(usize, Instant)> {
        let shared = self.0.clone()?;
        let mut queue = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = queue.waiting.iter().map(|member| member.deadline).max();
        if latest.is_none() {
            queue.lanes -= 1;
            self.0 = None;
        }
        latest.map(|latest| (queue.end(), latest))
    }
}

impl<Q: Query> Drop for Lane<Q> {
    fn drop(&mut self) {
        if let Some(queue) = &self.0 {
            queue.lock().unwrap_or_else(PoisonError::into_inner).lanes -= 1;
        }
    }
}

//! Reads that several callers share, as writes share a group commit.
//!
//! For each key, at most one read is in flight, and at most one waits for it. A caller joins the waiting read, never the one in
//! flight, so that its result was true at some moment between its call and its return.

use std::{
    collections::HashMap,
    hash::Hash,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{
    FutureExt,
    future::{Shared, WeakShared},
};

/// How long a read waits for the one in flight. If that is slow, the next one begins in parallel. Not less than the period of the
/// server's own timer: setting a timer that is due first takes two system calls.
const WAIT_TIMEOUT: Duration = Duration::from_millis(250);

/// A read that several callers may await. It is cancelled when all of them have gone.
pub(super) type Read<T> = Shared<Pending<T>>;

type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The reads of every key. Clones share them.
pub(super) struct SharedReads<K, T> {
    keys: Arc<Mutex<Keys<K, T>>>,
    wait_timeout: Duration,
}

struct Keys<K, T> {
    reads: HashMap<K, Reads<T>>,
    next_id: u64,
}

/// The reads of one key.
struct Reads<T> {
    in_flight: Option<(u64, WeakShared<Pending<T>>)>,
    waiting: Option<Waiting<T>>,
}

/// A read that has not begun.
struct Waiting<T> {
    id: u64,
    read: WeakShared<Pending<T>>,
    /// The latest deadline of its callers.
    deadline: Instant,
}

impl<K, T> Default for SharedReads<K, T> {
    fn default() -> Self {
        let keys = Keys { reads: HashMap::new(), next_id: 0 };
        Self { keys: Arc::new(Mutex::new(keys)), wait_timeout: WAIT_TIMEOUT }
    }
}

impl<K, T> Clone for SharedReads<K, T> {
    fn clone(&self) -> Self {
        Self { keys: self.keys.clone(), wait_timeout: self.wait_timeout }
    }
}

impl<K, T> SharedReads<K, T> {
    fn lock(&self) -> MutexGuard<'_, Keys<K, T>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, T> SharedReads<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// Joins the read of `key` that has not begun, or makes one with `read`, which gets the latest deadline of those who have
    /// joined. Returns the read, and whether another caller has made it.
    pub(super) fn join<F>(
        &self,
        key: K,
        deadline: Instant,
        read: impl FnOnce(Instant) -> F + Send + 'static,
    ) -> (Read<T>, bool)
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut keys = self.lock();
        let id = keys.next_id;
        keys.next_id += 1;
        let reads = keys.reads.entry(key.clone()).or_insert(Reads { in_flight: None, waiting: None });
        if let Some(waiting) = &mut reads.waiting
            && let Some(read) = waiting.read.upgrade()
        {
            waiting.deadline = waiting.deadline.max(deadline);
            return (read, true);
        }

        let in_flight = reads.in_flight.as_ref().and_then(|(_, read)| read.upgrade());
        let waits = in_flight.is_some();
        let (entry, wait_timeout) = (Entry { reads: self.clone(), key, id }, self.wait_timeout);
        let pending: Pending<T> = Box::pin(async move {
            let mut latest = deadline;
            if let Some(in_flight) = in_flight {
                let _ = tokio::time::timeout(wait_timeout, in_flight).await;
                latest = entry.begin().unwrap_or(deadline);
            }
            read(latest).await
        });
        let made = pending.shared();
        let weak = made.downgrade();
        match weak {
            Some(read) if waits => reads.waiting = Some(Waiting { id, read, deadline }),
            weak => reads.in_flight = weak.map(|read| (id, read)),
        }
        (made, false)
    }
}

/// The place of a read among those of its key, until it ends or is cancelled.
struct Entry<K: Eq + Hash, T> {
    reads: SharedReads<K, T>,
    key: K,
    id: u64,
}

impl<K: Eq + Hash, T> Entry<K, T> {
    /// From now on, callers wait for the next read. Returns the latest deadline of those who have joined this one.
    fn begin(&self) -> Option<Instant> {
        let mut keys = self.reads.lock();
        let reads = keys.reads.get_mut(&self.key)?;
        let Waiting { id, read, deadline } = reads.waiting.take_if(|waiting| waiting.id == self.id)?;
        reads.in_flight = Some((id, read));
        Some(deadline)
    }
}

impl<K: Eq + Hash, T> Drop for Entry<K, T> {
    fn drop(&mut self) {
        let mut keys = self.reads.lock();
        let Some(reads) = keys.reads.get_mut(&self.key) else { return };
        reads.in_flight.take_if(|(id, _)| *id == self.id);
        reads.waiting.take_if(|waiting| waiting.id == self.id);
        if reads.in_flight.is_none() && reads.waiting.is_none() {
            keys.reads.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests;

//! The intents whose requests are still in flight, which must not be settled yet.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use chassis::values::Key;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::db::{Intent, Owner};

/// How many intents may wait to be settled. Beyond that no order is begun, since the products service does not keep up or is gone.
const LIMIT: i64 = 1000;

/// How much longer than a request another instance waits before it takes the intents of this one for abandoned.
const LEASE_MARGIN: Duration = Duration::from_secs(20);

/// The keys of the intents in flight. Clones share them.
#[derive(Clone)]
pub(crate) struct Live(Arc<Shared>);

struct Shared {
    /// This instance.
    owner: Owner,
    keys: Mutex<HashSet<Key>>,
    /// Told when an intent was dropped before its end.
    abandoned: Notify,
    /// How many intents wait to be settled, when they were last counted.
    waiting: AtomicI64,
}

/// An intent in flight, until its last clone is dropped. It has to be settled then, unless it [ended](Self::end).
#[derive(Clone)]
pub(crate) struct LiveIntent(Arc<Held>);

struct Held {
    intent: Intent,
    live: Live,
    has_ended: AtomicBool,
}

impl Live {
    /// No intents. The timeout is that of the requests that have them.
    pub(crate) fn new(request_timeout: Duration) -> Self {
        let owner = Owner { name: Uuid::now_v7().to_string(), lease: request_timeout + LEASE_MARGIN };
        let (keys, abandoned, waiting) = Default::default();
        Self(Arc::new(Shared { owner, keys, abandoned, waiting }))
    }

    pub(crate) fn owner(&self) -> &Owner {
        &self.0.owner
    }

    pub(crate) fn begin(&self, intent: Intent) -> LiveIntent {
        self.keys().insert(intent.key.clone());
        LiveIntent(Arc::new(Held { intent, live: self.clone(), has_ended: AtomicBool::new(false) }))
    }

    pub(crate) fn has(&self, key: &Key) -> bool {
        self.keys().contains(key)
    }

    pub(crate) fn count(&self) -> usize {
        self.keys().len()
    }

    /// Resolves when an intent was dropped before its end, since the last time.
    pub(crate) async fn abandoned(&self) {
        self.0.abandoned.notified().await;
    }

    pub(crate) fn set_waiting(&self, intents: i64) {
        self.0.waiting.store(intents, Ordering::Relaxed);
    }

    pub(crate) fn waiting(&self) -> i64 {
        self.0.waiting.load(Ordering::Relaxed)
    }

    /// Whether too many intents wait to be settled.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting() >= LIMIT
    }

    fn keys(&self) -> MutexGuard<'_, HashSet<Key>> {
        self.0.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LiveIntent {
    /// It is an order now, or nothing.
    pub(crate) fn end(&self) {
        self.0.has_ended.store(true, Ordering::Relaxed);
    }
}

impl AsRef<Intent> for LiveIntent {
    fn as_ref(&self) -> &Intent {
        &self.0.intent
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.live.keys().remove(&self.intent.key);
        if !self.has_ended.load(Ordering::Relaxed) {
            self.live.0.abandoned.notify_one();
        }
    }
}

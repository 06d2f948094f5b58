//! The intents that requests in flight are working on, which are not to be settled yet.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chassis::values::Key;
use tokio::sync::Notify;

use crate::db::intents::Intent;

/// The keys of the intents in flight. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Live(Arc<Shared>);

#[derive(Default)]
struct Shared {
    keys: Mutex<HashSet<Key>>,
    /// Told when an intent has ended without an order.
    abandoned: Notify,
}

/// An intent in flight, until this is dropped. It has to be settled then, unless it [ended](Self::end) as an order.
pub(crate) struct LiveIntent {
    pub(crate) intent: Intent,
    live: Live,
    is_order: bool,
}

impl Live {
    pub(crate) fn begin(&self, intent: Intent) -> LiveIntent {
        self.keys().insert(intent.key.clone());
        LiveIntent { intent, live: self.clone(), is_order: false }
    }

    pub(crate) fn has(&self, key: &Key) -> bool {
        self.keys().contains(key)
    }

    pub(crate) fn count(&self) -> usize {
        self.keys().len()
    }

    /// Resolves when an intent has ended without an order since the last time.
    pub(crate) async fn abandoned(&self) {
        self.0.abandoned.notified().await;
    }

    fn keys(&self) -> MutexGuard<'_, HashSet<Key>> {
        self.0.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LiveIntent {
    /// It is an order now.
    pub(crate) fn end(mut self) {
        self.is_order = true;
    }
}

impl Drop for LiveIntent {
    fn drop(&mut self) {
        self.live.keys().remove(&self.intent.key);
        if !self.is_order {
            self.live.0.abandoned.notify_one();
        }
    }
}

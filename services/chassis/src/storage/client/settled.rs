//! Up to which id each list is known to be settled.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Up to which id the rows of each table are settled, for all connections to a database.
#[derive(Default)]
pub(in crate::storage) struct Settled(Mutex<HashMap<&'static str, i64>>);

impl Settled {
    pub(super) fn of(&self, table: &str) -> i64 {
        self.ids().get(table).copied().unwrap_or_default()
    }

    /// Raises it to `id` if it is lower, and returns it.
    pub(super) fn advance(&self, table: &'static str, id: i64) -> i64 {
        let mut ids = self.ids();
        let settled = ids.entry(table).or_default();
        *settled = id.max(*settled);
        *settled
    }

    fn ids(&self) -> MutexGuard<'_, HashMap<&'static str, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_stays_settled_up_to_the_greatest_id() {
        let settled = Settled::default();
        assert_eq!((settled.of("thing"), settled.advance("thing", 5)), (0, 5));
        assert_eq!((settled.advance("thing", 3), settled.of("thing")), (5, 5));
        assert_eq!(settled.of("other"), 0);
    }
}

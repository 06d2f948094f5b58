//! The machine that tests share. A test that measures time or fills a limit uses it exclusively.

use std::sync::{PoisonError, RwLock};

/// Held by the tests that run.
static MACHINE: RwLock<()> = RwLock::new(());

/// Gives a test the machine for itself until the result is dropped. Tests that compare rates or fill the machine need it.
pub fn alone() -> impl Drop {
    // A test that failed leaves nothing behind.
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

/// Lets a test share the machine with others that do. Tests that mostly wait can.
pub fn shared() -> impl Drop {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

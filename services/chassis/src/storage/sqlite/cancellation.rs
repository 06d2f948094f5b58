//! Work on a connection, which another thread can cancel.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, InterruptHandle};

/// Stops a backup or a restore, from another thread.
#[derive(Clone, Default)]
pub struct Cancellation {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    is_cancelled: bool,
    /// Of the connection that is at work.
    handle: Option<InterruptHandle>,
}

impl Cancellation {
    /// Stops what is being done, and everything that begins later.
    pub fn cancel(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_cancelled = true;
        state.handle.iter().for_each(InterruptHandle::interrupt);
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_cancelled
    }

    /// Does `work` with a connection, which a cancellation interrupts.
    ///
    /// # Errors
    /// The work fails, or it is cancelled.
    pub(super) fn run<T>(
        &self,
        connection: &Connection,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let state = || self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state().handle = Some(connection.get_interrupt_handle());
        // An interrupt before the first statement would do nothing.
        let done = match state().is_cancelled {
            true => Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_INTERRUPT),
                None,
            )),
            false => work(connection),
        };
        state().handle = None;
        done
    }
}

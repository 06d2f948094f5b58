//! Waits with a timeout, which report what they waited for.

use std::{
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// Longer than anything takes that happens at all, on a machine that has other work.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Waits until `is_so`.
///
/// # Errors
/// It is not so within a minute. The sentence says what was waited for.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Result<(), String> {
    let began = Instant::now();
    while !is_so() {
        if began.elapsed() > LIMIT {
            return Err(too_long(LIMIT, what));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Waits for what `work` returns.
///
/// # Errors
/// It does not return within a minute. The sentence says what was waited for.
pub fn within<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    within_limit(LIMIT, what, work)
}

/// The same with another limit than a minute.
///
/// # Errors
/// It does not return within the limit. The sentence says what was waited for.
pub fn within_limit<T: Send + 'static>(
    limit: Duration,
    what: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    result.recv_timeout(limit).map_err(|_| too_long(limit, what))
}

fn too_long(limit: Duration, what: &str) -> String {
    format!("waited {} seconds for {what}", limit.as_secs())
}

/// Sets a flag when it is dropped, so that threads that work until then end also when a test fails.
pub struct SetOnDrop<'a>(pub &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

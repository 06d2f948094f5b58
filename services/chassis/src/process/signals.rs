//! Signals: those that stop a program, and those that must not.
//!
//! TERM, INT and QUIT let it finish what it is at and stop. Whatever else a person or a supervisor may send (HUP, USR1, USR2,
//! ALRM and their like, the real-time signals) would by default end the process at once, with requests in flight; it is ignored,
//! and noted. KILL, STOP and TSTP do what they always do, and so do the signals of a fault of the program itself.

use std::{borrow::Cow, future::poll_fn, task::Poll};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::settings::StartupError;

const STOPPING: [(&str, i32); 3] =
    [("SIGTERM", libc::SIGTERM), ("SIGINT", libc::SIGINT), ("SIGQUIT", libc::SIGQUIT)];

const IGNORED: [(&str, i32); 8] = [
    ("SIGHUP", libc::SIGHUP),
    ("SIGUSR1", libc::SIGUSR1),
    ("SIGUSR2", libc::SIGUSR2),
    ("SIGALRM", libc::SIGALRM),
    ("SIGVTALRM", libc::SIGVTALRM),
    ("SIGPROF", libc::SIGPROF),
    ("SIGIO", libc::SIGIO),
    ("SIGXCPU", libc::SIGXCPU),
];

/// Those that only Linux has.
#[cfg(target_os = "linux")]
fn ignored_here() -> impl Iterator<Item = (Cow<'static, str>, i32)> {
    let first = libc::SIGRTMIN();
    let real_time = (first..=libc::SIGRTMAX()).map(move |number| match number - first {
        0 => ("SIGRTMIN".into(), number),
        above => (format!("SIGRTMIN+{above}").into(), number),
    });
    [("SIGPWR".into(), libc::SIGPWR), ("SIGSTKFLT".into(), libc::SIGSTKFLT)].into_iter().chain(real_time)
}

#[cfg(not(target_os = "linux"))]
fn ignored_here() -> impl Iterator<Item = (Cow<'static, str>, i32)> {
    std::iter::empty()
}

/// Resolves to the name of the signal that stops the program, and hands each that is ignored until then to `note_ignored`. From
/// the call on, none of them ends the process by itself.
///
/// # Errors
/// The signals cannot be watched.
pub fn shutdown_signal(
    mut note_ignored: impl FnMut(&str),
) -> Result<impl Future<Output = &'static str>, StartupError> {
    let watch = |number| {
        signal(SignalKind::from_raw(number))
            .map_err(|error| StartupError::new(format!("signals cannot be watched: {error}")))
    };
    let mut stopping = Vec::new();
    for (name, number) in STOPPING {
        stopping.push((name, watch(number)?));
    }
    let mut ignored: Vec<(Cow<'static, str>, Signal)> = Vec::new();
    let everywhere = IGNORED.into_iter().map(|(name, number)| (name.into(), number));
    for (name, number) in everywhere.chain(ignored_here()) {
        ignored.push((name, watch(number)?));
    }
    Ok(poll_fn(move |context| {
        for (name, signal) in &mut ignored {
            while signal.poll_recv(context).is_ready() {
                note_ignored(name);
            }
        }
        // Each is polled, so that each wakes this.
        let mut stopped = Poll::Pending;
        for (name, signal) in &mut stopping {
            if signal.poll_recv(context).is_ready() {
                stopped = Poll::Ready(*name);
            }
        }
        stopped
    }))
}

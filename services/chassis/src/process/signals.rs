//! Signals: which of them stop a program, which make it reread its token files, and which are ignored.
//!
//! TERM, INT and QUIT stop the program gracefully. HUP makes it reread the token files, unless the signal was sent because its
//! terminal was closed: then HUP stops the program, as TERM does. The other signals that a person or a supervisor might
//! send (USR1, USR2, ALRM and the like, the real-time signals) would by default kill the process with requests in flight; they
//! are ignored and logged. KILL, STOP and TSTP keep their meaning, and so do the signals for faults of the program, such as SEGV.

use std::{borrow::Cow, future::poll_fn, task::Poll};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::terminal::Terminal;
use crate::settings::StartupError;

const STOPPING: [(&str, i32); 3] =
    [("SIGTERM", libc::SIGTERM), ("SIGINT", libc::SIGINT), ("SIGQUIT", libc::SIGQUIT)];

const HANGUP: &str = "SIGHUP";

const IGNORED: [(&str, i32); 7] = [
    ("SIGUSR1", libc::SIGUSR1),
    ("SIGUSR2", libc::SIGUSR2),
    ("SIGALRM", libc::SIGALRM),
    ("SIGVTALRM", libc::SIGVTALRM),
    ("SIGPROF", libc::SIGPROF),
    ("SIGIO", libc::SIGIO),
    ("SIGXCPU", libc::SIGXCPU),
];

/// The signals that only Linux has.
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

/// Sent when a file grows beyond the limit of the process, on Linux and macOS alike (setrlimit(2), RLIMIT_FSIZE).
const SIGXFSZ: i32 = 25;

/// Makes a write beyond the limit on file sizes fail, instead of killing the process, as long as the runtime is there.
pub fn survive_file_size_limit() {
    let _ = signal(SignalKind::from_raw(SIGXFSZ));
}

/// Whether a program has a parent that stops it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Parent {
    /// It is on its own, and ends with the terminal that it was started in.
    None,
    /// Its parent stops it, even if the terminal closes.
    Stops,
}

/// Resolves to the name of the signal that stops the program. Until then, `on_reload` is called whenever the token files are to be
/// read again, which must not block, and ignored signals are logged. The signals lose their default action with the call, before
/// the future is polled.
///
/// # Errors
/// The handlers cannot be installed.
pub fn shutdown_signal(
    parent: Parent,
    mut on_reload: impl FnMut(),
) -> Result<impl Future<Output = &'static str>, StartupError> {
    let listen = |number| {
        signal(SignalKind::from_raw(number))
            .map_err(|error| StartupError::new(format!("signals cannot be handled: {error}")))
    };
    // Asked first: the handler hides whether HUP was ignored.
    let terminal = (parent == Parent::None).then(Terminal::of_this_process).flatten();
    let mut hangup = listen(libc::SIGHUP)?;
    let mut stopping = Vec::new();
    for (name, number) in STOPPING {
        stopping.push((name, listen(number)?));
    }
    let mut ignored: Vec<(Cow<'static, str>, Signal)> = Vec::new();
    let everywhere = IGNORED.into_iter().map(|(name, number)| (name.into(), number));
    for (name, number) in everywhere.chain(ignored_here()) {
        ignored.push((name, listen(number)?));
    }
    Ok(poll_fn(move |context| {
        for (name, signal) in &mut ignored {
            while signal.poll_recv(context).is_ready() {
                tracing::warn!(signal = %name, "ignored a signal");
            }
        }
        // Poll all of them, so that each of them wakes this future.
        let mut stopped = Poll::Pending;
        while hangup.poll_recv(context).is_ready() {
            match &terminal {
                Some(terminal) if terminal.is_closed() => stopped = Poll::Ready(HANGUP),
                _ => on_reload(),
            }
        }
        for (name, signal) in &mut stopping {
            if signal.poll_recv(context).is_ready() {
                stopped = Poll::Ready(*name);
            }
        }
        stopped
    }))
}

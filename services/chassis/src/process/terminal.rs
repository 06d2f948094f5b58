//! The terminal that a program was started in. The program stops when it is closed.

use std::{
    fs::{self, File},
    io,
};

/// The controlling terminal of a process (<https://man7.org/linux/man-pages/man4/tty.4.html>).
const TERMINAL: &str = "/dev/tty";

/// The terminal of this process, which was there when the process started.
pub(super) struct Terminal;

impl Terminal {
    /// The terminal whose end this process must not survive. None if it has no terminal, or if `nohup` started it.
    pub(super) fn of_this_process() -> Option<Self> {
        (File::open(TERMINAL).is_ok() && !is_hangup_ignored()).then_some(Self)
    }

    /// Whether the terminal is gone: its window was closed, or its connection is lost.
    pub(super) fn is_closed(&self) -> bool {
        let is_gone = |error: io::Error| matches!(error.raw_os_error(), Some(libc::ENXIO | libc::EIO));
        File::open(TERMINAL).is_err_and(is_gone)
    }
}

/// Whether HUP was ignored when this process started, as `nohup` arranges (proc_pid_status(5)). Only Linux reports it.
fn is_hangup_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    ignored & (1 << (libc::SIGHUP - 1)) != 0
}

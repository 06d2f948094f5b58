//! The CPU time and memory of a process, as the kernel counts them.

use std::{fs, time::Duration};

use procfs::process::Process;

const MIB: f64 = 1024.0 * 1024.0;

/// The processor time that a process has used so far.
pub(crate) fn cpu(id: u32) -> Duration {
    let stat = process(id).stat().expect("its times");
    Duration::from_secs_f64((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64)
}

/// How much memory a process has now, in MiB.
pub(crate) fn memory(id: u32) -> f64 {
    status(id, |status| status.vmrss)
}

/// How much memory a process had at most since [`forget_peak`], in MiB.
pub(crate) fn peak_memory(id: u32) -> f64 {
    status(id, |status| status.vmhwm)
}

/// Lets the peak start anew (proc_pid_clear_refs(5)).
pub(crate) fn forget_peak(id: u32) {
    fs::write(format!("/proc/{id}/clear_refs"), "5").expect("a peak that can be forgotten");
}

fn status(id: u32, kibibytes: impl Fn(procfs::process::Status) -> Option<u64>) -> f64 {
    let status = process(id).status().expect("its status");
    kibibytes(status).expect("its memory") as f64 * 1024.0 / MIB
}

fn process(id: u32) -> Process {
    Process::new(id as i32).expect("a process that runs")
}

//! The process of a service: a child that reports when it is ready, and stops when its standard input is closed.

use std::{
    ffi::OsString,
    io,
    net::SocketAddr,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child as Process, ChildStdin, Command},
    time::timeout,
};

/// How long a service may take to become ready.
pub(crate) const READY_TIMEOUT: Duration = Duration::from_secs(15);

/// A process of one service.
pub(crate) struct Child {
    name: &'static str,
    process: Process,
    /// Kept apart, since waiting for the process would close its standard input.
    stdin: Option<ChildStdin>,
}

/// The outcome of starting a service.
pub(crate) enum Start {
    /// It is ready at this address.
    Ready(SocketAddr),
    /// It has exited, and logged the reason.
    Exited,
    /// It is not ready after [`READY_TIMEOUT`].
    Late,
}

impl Child {
    /// Starts `program` as the service called `name`.
    ///
    /// # Errors
    /// No process can be started.
    pub(crate) fn start(
        program: &Path,
        name: &'static str,
        environment: &[(OsString, OsString)],
    ) -> io::Result<Self> {
        let mut process = Command::new(program)
            .args([name, "--stop-with-stdin"])
            .envs(environment.iter().map(|(variable, value)| (variable, value)))
            // The pipe closes when the store exits, even if it is killed. A process group of its own keeps Ctrl-C from the service.
            .stdin(Stdio::piped())
            .process_group(0)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self { name, stdin: process.stdin.take(), process })
    }

    /// Waits until the service is ready, or until that is hopeless.
    pub(crate) async fn ready(&mut self) -> Start {
        let Some(output) = self.process.stdout.as_mut() else { return Start::Exited };
        let prefix = format!("{} is ready at http://", self.name);
        let mut lines = BufReader::new(output).lines();
        let address = async {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(address) = line.strip_prefix(&prefix) {
                    return address.parse().ok();
                }
            }
            None
        };
        match timeout(READY_TIMEOUT, address).await {
            Ok(address) => address.map_or(Start::Exited, Start::Ready),
            Err(_) => Start::Late,
        }
    }

    /// Waits until the process has exited.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.process.wait().await
    }

    /// Makes the service read its token files again. It must be ready, or the signal would kill it.
    pub(crate) fn reload(&self) {
        let id = self.process.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        // A process that has just exited reads nothing.
        let _ = id.map(|id| kill_process(id, Signal::HUP));
    }

    /// Stops the service gracefully, or kills it if it takes longer than `limit`. None if it was killed.
    pub(crate) async fn stop(mut self, limit: Duration) -> Option<ExitStatus> {
        drop(self.stdin.take());
        if let Ok(status) = timeout(limit, self.process.wait()).await {
            return status.ok();
        }
        let _ = self.process.kill().await;
        None
    }
}

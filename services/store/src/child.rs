//! A service, as the store runs it: a child process that reports when it is ready, and stops when its standard input is closed.

use std::{
    ffi::OsString,
    net::SocketAddr,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use chassis::{output, settings::StartupError};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child as Process, ChildStdin, Command},
    time::timeout,
};

use crate::member;

/// How long a service may take to become ready.
const READY_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a service may take to stop, before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A process of one service.
pub(crate) struct Child {
    name: &'static str,
    process: Process,
    /// Kept apart, since waiting for the process would close its standard input.
    stdin: Option<ChildStdin>,
    url: String,
}

impl Child {
    /// Starts this program as the service called `name`.
    pub(crate) fn start(
        name: &'static str,
        environment: &[(OsString, OsString)],
    ) -> Result<Self, StartupError> {
        let cannot = |error| StartupError::new(format!("{name} cannot be started: {error}"));
        let program = std::env::current_exe().map_err(cannot)?;
        let mut process = Command::new(program)
            .args([name, "--stop-with-stdin"])
            .envs(environment.iter().map(|(variable, value)| (variable, value)))
            // The pipe closes when the store exits, even if it is killed. A process group of its own keeps Ctrl-C from the service.
            .stdin(Stdio::piped())
            .process_group(0)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(cannot)?;
        Ok(Self { name, stdin: process.stdin.take(), process, url: String::new() })
    }

    /// Waits until the service is ready, and returns its URL. `None` if it exited instead; it has logged the reason.
    pub(crate) async fn url_when_ready(&mut self) -> Result<Option<String>, StartupError> {
        let Some(output) = self.process.stdout.as_mut() else { return Ok(None) };
        let prefix = format!("{} is ready at http://", self.name);
        let mut lines = BufReader::new(output).lines();
        let address = async {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(address) = line.strip_prefix(&prefix) {
                    return address.parse::<SocketAddr>().ok();
                }
            }
            None
        };
        let address = timeout(READY_TIMEOUT, address).await.map_err(|_| {
            StartupError::new(format!("{} is not ready after {READY_TIMEOUT:?}: see its log.", self.name))
        })?;
        Ok(address.map(|address| {
            self.url = format!("http://{}", member::reachable(address));
            self.url.clone()
        }))
    }

    /// The URL of the service; empty until it is ready.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Waits until the process has exited, and returns the name of the service with the status.
    pub(crate) async fn wait(&mut self) -> (&'static str, String) {
        let status = self.process.wait().await;
        (self.name, status.map_or_else(|error| error.to_string(), |status: ExitStatus| status.to_string()))
    }

    /// Stops the service gracefully.
    pub(crate) async fn stop(mut self) {
        drop(self.stdin.take());
        if timeout(STOP_TIMEOUT, self.process.wait()).await.is_err() {
            output::stderr(format!(
                "store: {} did not stop within {STOP_TIMEOUT:?}: killing it.\n",
                self.name
            ));
            let _ = self.process.kill().await;
        }
    }
}

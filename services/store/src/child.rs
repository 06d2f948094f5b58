//! A service as the store sees it: a process that says when it is ready, and stops when its standard input ends.

use std::{
    ffi::OsString,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use chassis::{output, settings::StartupError};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child as Process, ChildStdin, Command},
    time::timeout,
};

/// How long a service may take to be ready.
const READY_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a service may take to stop, before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A process of one service.
pub(crate) struct Child {
    name: &'static str,
    process: Process,
    /// Held apart from the process, which closes its own when it is waited for.
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
            // The pipe ends with the store, however the store ends. A Ctrl-C in the terminal is for the store alone.
            .stdin(Stdio::piped())
            .process_group(0)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(cannot)?;
        Ok(Self { name, stdin: process.stdin.take(), process, url: String::new() })
    }

    /// Where the service can be reached, once it is ready. `None` if it ended instead, having said why.
    pub(crate) async fn url_when_ready(&mut self) -> Result<Option<String>, StartupError> {
        let Some(output) = self.process.stdout.as_mut() else { return Ok(None) };
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
        let address = timeout(READY_TIMEOUT, address).await.map_err(|_| {
            StartupError::new(format!("{} is not ready after {READY_TIMEOUT:?}: see its log.", self.name))
        })?;
        Ok(address.map(|address| {
            self.url = format!("http://{}", reachable(address));
            self.url.clone()
        }))
    }

    /// Where the service can be reached, if it is ready.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Waits until the process has ended.
    pub(crate) async fn end(&mut self) -> (&'static str, String) {
        let status = self.process.wait().await;
        (self.name, status.map_or_else(|error| error.to_string(), |status: ExitStatus| status.to_string()))
    }

    /// Lets the service finish what it is at.
    pub(crate) async fn stop(mut self) {
        drop(self.stdin.take());
        if timeout(STOP_TIMEOUT, self.process.wait()).await.is_err() {
            output::stderr(format!(
                "store: {} did not stop within {STOP_TIMEOUT:?} and is killed.\n",
                self.name
            ));
            let _ = self.process.kill().await;
        }
    }
}

/// Who listens at every address of this machine is reached at its loopback address.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, address.port())
}

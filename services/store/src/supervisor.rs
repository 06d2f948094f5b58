//! Runs a service of the store: starts it, restarts it when it dies, and stops it.

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::PathBuf,
    process::ExitStatus,
    time::{Duration, Instant},
};

use chassis::settings::{ServiceInfo, StartupError};
use tokio::{sync::watch, time::sleep};

use crate::{
    address,
    child::{Child, READY_TIMEOUT, Start},
    restart::{DEATHS, Deaths, Restart},
};

/// How much longer than its own limits a service may take to stop, on a busy machine, before it is killed.
const STOP_MARGIN: Duration = Duration::from_secs(5);

/// The state that all services of a store share.
#[derive(Clone)]
pub(crate) struct Shared {
    /// The program of the store, which is that of each service.
    pub(crate) program: PathBuf,
    pub(crate) restart: Restart,
    /// How long a service takes to stop at most, by its own limits.
    pub(crate) stop_timeout: Duration,
    /// Changes when the token files are to be read again.
    pub(crate) reload: watch::Receiver<()>,
}

/// One service, which is started again when it dies.
pub(crate) struct Supervisor {
    info: ServiceInfo,
    shared: Shared,
    environment: Vec<(OsString, OsString)>,
    /// None while the service is dead.
    child: Option<Child>,
    started: Instant,
    deaths: Deaths,
}

/// How a service has ended that is not started again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Somebody else has stopped it.
    Stopped,
    Died,
}

impl Supervisor {
    pub(crate) fn new(info: ServiceInfo, shared: Shared, environment: Vec<(OsString, OsString)>) -> Self {
        let (started, deaths) = (Instant::now(), Deaths::default());
        Self { info, shared, environment, child: None, started, deaths }
    }

    /// Starts the service for the first time, and returns the address that it listens on. None if it has exited, and logged the
    /// reason.
    ///
    /// # Errors
    /// It cannot be started, or is not ready in time.
    pub(crate) async fn start(&mut self) -> Result<Option<SocketAddr>, StartupError> {
        let name = self.info.name;
        match self.start_child().await {
            Ok(Start::Ready(address)) => {
                // A port that the system has chosen stays the same, since the other services know it.
                self.environment.push((self.info.listen_variable().into(), address.to_string().into()));
                Ok(Some(address))
            }
            Ok(Start::Exited) => {
                self.child = None;
                Ok(None)
            }
            Ok(Start::Late) => Err(StartupError::new(late(name))),
            Err(error) => Err(StartupError::new(format!("{name} cannot be started: {error}"))),
        }
    }

    /// The name of the service.
    pub(crate) fn name(&self) -> &'static str {
        self.info.name
    }

    /// Starts the service again whenever it dies, until that is of no use. Dropping the future leaves the service as it is.
    pub(crate) async fn run(&mut self) -> End {
        let name = self.info.name;
        loop {
            let status = match self.exit().await {
                Ok(status) if status.success() => {
                    tracing::warn!(service = %name, "the service was stopped, and the others keep running");
                    return End::Stopped;
                }
                Ok(status) => status.to_string(),
                Err(cause) => cause,
            };
            if self.shared.restart == Restart::Never {
                tracing::error!(service = %name, %status, "the service died, and RESTART is never: stopping the store");
                return End::Died;
            }
            let Some(pause) = self.deaths.record(self.started, Instant::now()) else {
                tracing::error!(
                    service = %name,
                    %status,
                    "the service died {DEATHS} times within a minute: stopping the store; see its log"
                );
                return End::Died;
            };
            tracing::error!(service = %name, %status, "the service died; restarting in {pause:?}");
            sleep(pause).await;
            self.start_again().await;
        }
    }

    /// Waits until the process has exited, and passes requests to reload on to it meanwhile.
    async fn exit(&mut self) -> Result<ExitStatus, String> {
        let Some(child) = &mut self.child else { return Err("it could not be started".into()) };
        let status = loop {
            tokio::select! {
                status = child.wait() => break status,
                Ok(()) = self.shared.reload.changed() => child.reload(),
            }
        };
        self.child = None;
        status.map_err(|error| error.to_string())
    }

    async fn start_again(&mut self) {
        let name = self.info.name;
        match self.start_child().await {
            Ok(Start::Ready(address)) => {
                tracing::info!(service = %name, url = %address::url(address), "the service is ready again");
            }
            // Its status is the next thing to be waited for.
            Ok(Start::Exited) => {}
            // Dropping the process kills it.
            Ok(Start::Late) => {
                tracing::error!("{}", late(name));
                self.child = None;
            }
            Err(error) => tracing::error!(service = %name, %error, "the service cannot be started"),
        }
    }

    async fn start_child(&mut self) -> std::io::Result<Start> {
        self.started = Instant::now();
        // A request to reload that comes from now on is passed on when the service is ready.
        self.shared.reload.mark_unchanged();
        let child = Child::start(&self.shared.program, self.info.name, &self.environment)?;
        Ok(self.child.insert(child).ready().await)
    }

    /// Stops the service. False if it is dead, or dies, or has to be killed.
    pub(crate) async fn stop(self, end: Option<End>) -> bool {
        let name = self.info.name;
        let Some(child) = self.child else { return end == Some(End::Stopped) };
        match child.stop(self.shared.stop_timeout + STOP_MARGIN).await {
            Some(status) if status.success() => true,
            Some(status) => {
                tracing::error!(service = %name, %status, "the service died while it was being stopped");
                false
            }
            None => {
                tracing::error!(service = %name, "the service did not stop in time, and was killed");
                false
            }
        }
    }
}

fn late(name: &str) -> String {
    format!("{name} is not ready after {READY_TIMEOUT:?}: see its log.")
}

//! The life of a service's process: log, runtime, signals, exit code.

mod descriptors;
pub mod signals;

use std::{
    ffi::OsString,
    io::{self, Read},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use poem_openapi::OpenApi;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use self::signals::shutdown_signal;
use crate::{
    api::document::Document,
    output,
    server::Service,
    settings::{Common, ServiceInfo, Settings, StartupError},
    storage::sqlite::{Database, Schema},
    telemetry::{log, trace},
};

/// Sent when a file grows beyond the limit of the process, on Linux and macOS alike (setrlimit(2), RLIMIT_FSIZE).
const SIGXFSZ: i32 = 25;

/// How long a process that could not start waits for its last spans and log lines to be taken.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What the program of a service is made of, if it calls `N` others. `Own` are the settings that only this service has.
pub struct Program<Api, const N: usize, Own = ()> {
    /// The service.
    pub service: ServiceInfo,
    /// The first line of its `--help`.
    pub about: &'static str,
    /// The services that it calls.
    pub upstreams: [ServiceInfo; N],
    /// What its database is made of.
    pub schema: &'static Schema,
    /// Makes its document.
    pub document: fn() -> Document,
    /// Makes its operations.
    pub build: fn(&Settings<N, Own>, Database) -> Result<Api, StartupError>,
}

impl<Api: OpenApi + 'static, const N: usize, Own: Args> Program<Api, N, Own> {
    /// Runs the service with `arguments`, the first of which is the program's name, until the process is told to stop. If it does
    /// not start, it says why on standard error.
    pub fn run(self, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        match Settings::parse(self.service, self.about, self.upstreams, &arguments) {
            Ok(settings) => run(self.service.name, &settings.common, || self.assemble(&settings)),
            Err(code) => code,
        }
    }

    fn assemble(&self, settings: &Settings<N, Own>) -> Result<Service<Api>, StartupError> {
        let token = settings.token.check(settings.listen)?;
        let database = Database::open(&settings.common.data_dir, self.service.name, self.schema)?;
        Ok(Service {
            info: self.service,
            listen: settings.listen,
            token,
            limits: settings.common.limits.clone(),
            api: (self.build)(settings, database.clone())?,
            database,
            document: (self.document)(),
        })
    }
}

fn run<Api: OpenApi + 'static>(
    name: &'static str,
    settings: &Common,
    build: impl FnOnce() -> Result<Service<Api>, StartupError>,
) -> ExitCode {
    let outcome = log::to_standard_error(name, settings.log_format)
        .and_then(|()| trace::start(name))
        .and_then(|()| build())
        .and_then(|service| serve(service, settings));
    // The stop has one deadline, which the last spans and lines share; who does not even start has nobody in a hurry.
    let until = *outcome.as_ref().unwrap_or(&(Instant::now() + LAST_WORDS));
    trace::stop(until);
    log::flush(until);
    match outcome {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            output::stderr(format!("{name}: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Returns when the process has to be gone.
fn serve<A: OpenApi + 'static>(service: Service<A>, settings: &Common) -> Result<Instant, StartupError> {
    descriptors::raise_limit(&settings.limits)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings.worker_threads())
        .enable_all()
        .build()
        .map_err(|error| StartupError::new(format!("no threads to work with: {error}")))?;
    let end = runtime.block_on(async {
        // A file that grows beyond the process's limit is a write that fails, not the end of the process.
        let _size_limit_is_survived = signal(SignalKind::from_raw(SIGXFSZ));
        let told = shutdown_signal(|signal| tracing::warn!(%signal, "ignored a signal"))?;
        let stop = async move {
            tokio::select! {
                signal = told => tracing::info!(%signal, "stopping"),
                () = end_of_stdin(), if settings.stop_with_stdin => {
                    // Whoever started it says why.
                    tracing::debug!("stopping, since standard input has ended");
                }
            }
        };
        service.run(stop).await
    })?;
    // Half of what is left is for the last writes, and half for what is said of them.
    runtime.shutdown_timeout(end.saturating_duration_since(Instant::now()) / 2);
    Ok(end)
}

/// Reads on a thread of its own: the runtime's would keep the process from ending.
async fn end_of_stdin() {
    let (ended, end) = oneshot::channel();
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        let _ = ended.send(());
    });
    let _ = end.await;
}

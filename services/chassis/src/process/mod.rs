//! The process of a service: log, runtime, signals, exit code.

mod descriptors;
mod reload;
pub mod signals;
mod terminal;

use std::{
    ffi::OsString,
    future,
    io::{self, Read},
    process::ExitCode,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use poem_openapi::OpenApi;
use tokio::sync::oneshot;

use self::{
    reload::Reload,
    signals::{Parent, shutdown_signal, survive_file_size_limit},
};
use crate::{
    api::document::Document,
    output,
    server::{Service, Stopped},
    settings::{Common, CurrentToken, ServiceInfo, Settings, StartupError, TokenFiles},
    storage::{Database, Schema, postgres, sqlite},
    telemetry::{log, metrics, trace},
};

/// How long a process that could not start takes to flush its last spans and log lines.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The program of a service that calls `N` others. `Own` holds the settings that no other service has.
pub struct Program<Api, const N: usize, Own = ()> {
    /// The service.
    pub service: ServiceInfo,
    /// The first line of its `--help`.
    pub about: &'static str,
    /// The services that it calls.
    pub upstreams: [ServiceInfo; N],
    /// The schema of its database.
    pub schema: &'static Schema,
    /// Creates its document.
    pub document: fn() -> Document,
    /// Creates its operations.
    pub build: fn(&Settings<N, Own>, Database) -> Result<Api, StartupError>,
}

impl<Api: OpenApi + 'static, const N: usize, Own: Args> Program<Api, N, Own> {
    /// Runs the service with `arguments`, the first of which is the program's name, until the process is told to stop. If the
    /// service cannot start, the reason is printed to standard error.
    pub fn run(self, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
        self.run_with(arguments, |_| future::ready(()))
    }

    /// The same, with `work` in the background: from the start until the last response is sent, unless it ends by itself.
    pub fn run_with<W: Future<Output = ()> + Send + 'static>(
        self,
        arguments: impl IntoIterator<Item = OsString>,
        work: fn(&Api) -> W,
    ) -> ExitCode {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        // The document depends on no setting, so none has to be right for it.
        if arguments.iter().skip(1).any(|argument| argument == "--openapi") {
            output::stdout(String::from_utf8_lossy(&(self.document)().json()));
            return ExitCode::SUCCESS;
        }
        match Settings::parse(self.service, self.about, self.upstreams, &arguments) {
            Ok(settings) => run(self.service.name, &settings, || self.assemble(&settings, work)),
            Err(code) => code,
        }
    }

    fn assemble<W: Future<Output = ()> + Send + 'static>(
        &self,
        settings: &Settings<N, Own>,
        work: fn(&Api) -> W,
    ) -> Result<Service<Api>, StartupError> {
        let token = settings.token.check(settings.listen)?;
        let current = Arc::new(CurrentToken::new(token.clone()));
        let shared = current.clone();
        settings.token_files.add(&settings.token, settings.listen, token, move |token| {
            shared.set(token.clone());
            Ok(())
        });
        let database = self.database(settings)?;
        let api = (self.build)(settings, database.clone())?;
        Ok(Service {
            info: self.service,
            listen: settings.listen,
            token: current,
            public_url: settings.public_url.clone(),
            trusted_proxies: settings.common.trusted_proxies.clone().unwrap_or_default(),
            prefer_examples: settings.common.prefer_examples,
            cors_origins: settings.common.cors_origins.clone(),
            limits: settings.common.limits.clone(),
            work: Box::pin(work(&api)),
            api,
            database,
            document: (self.document)().with_home(settings.common.store_url.clone()),
        })
    }
}

impl<Api, const N: usize, Own> Program<Api, N, Own> {
    fn database(&self, settings: &Settings<N, Own>) -> Result<Database, StartupError> {
        let (name, schema) = (self.service.name, self.schema);
        let Common { data_dir, database, .. } = &settings.common;
        Ok(match settings.database_url.read()? {
            None => Database::Sqlite(sqlite::Database::open(data_dir, name, schema.sqlite)?),
            Some((url, source)) => {
                Database::Postgres(postgres::Database::at(&url, &source, name, schema.postgres, database)?)
            }
        })
    }
}

fn run<Api: OpenApi + 'static, const N: usize, Own: Args>(
    name: &'static str,
    settings: &Settings<N, Own>,
    build: impl FnOnce() -> Result<Service<Api>, StartupError>,
) -> ExitCode {
    metrics::start(name);
    let Common { log_format, .. } = settings.common;
    let outcome = log::to_standard_error(name, log_format)
        .and_then(|()| trace::start(name))
        .and_then(|()| build())
        .and_then(|service| serve(service, &settings.common, settings.token_files.clone()));
    // Flushing the last spans and log lines has to end by the deadline of the stop. A failed start has no such deadline.
    let until = *outcome.as_ref().unwrap_or(&(Instant::now() + FLUSH_TIMEOUT));
    trace::stop(until);
    log::flush(until);
    match outcome {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            log::failure(name, log_format, &error);
            ExitCode::FAILURE
        }
    }
}

/// Returns the deadline of the stop, by which the process has to exit.
fn serve<A: OpenApi + 'static>(
    service: Service<A>,
    settings: &Common,
    token_files: TokenFiles,
) -> Result<Instant, StartupError> {
    descriptors::raise_limit(&settings.limits)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings.worker_threads())
        .enable_all()
        .build()
        .map_err(|error| {
            StartupError::new(format!("the threads of the runtime cannot be started: {error}"))
        })?;
    let Stopped { reason, began, end, unfinished, cut } = runtime.block_on(async {
        survive_file_size_limit();
        let parent = if settings.stop_with_stdin { Parent::Stops } else { Parent::None };
        let mut reload = Reload::new(token_files);
        let shutdown = shutdown_signal(parent, move || reload.request())?;
        let stop = async move {
            tokio::select! {
                signal = shutdown => {
                    tracing::info!(%signal, "stopping");
                    signal
                }
                () = end_of_stdin(), if settings.stop_with_stdin => {
                    // The parent process logs the reason.
                    tracing::debug!("stopping: standard input was closed");
                    "stdin-closed"
                }
            }
        };
        service.run(stop).await
    })?;
    // Half of the remaining time is for the last writes, the other half for their spans and log lines.
    runtime.shutdown_timeout(end.saturating_duration_since(Instant::now()) / 2);
    let ms = began.elapsed().as_millis() as u64;
    tracing::info!(%reason, ms, unfinished, cut, "stopped");
    Ok(end)
}

/// Resolves when standard input is closed. It reads on a thread of its own, since a blocked thread of the runtime would keep the
/// process from exiting.
async fn end_of_stdin() {
    let (ended, end) = oneshot::channel();
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        let _ = ended.send(());
    });
    let _ = end.await;
}

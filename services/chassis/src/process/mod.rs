//! The life of a service's process: log, runtime, signals, exit code.

mod descriptors;
pub mod signals;

use std::{
    io::{self, Read},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use poem_openapi::OpenApi;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use self::signals::shutdown_signal;
use crate::{
    output,
    server::Service,
    settings::{Common, StartupError},
    telemetry::{log, trace},
};

/// Sent when a file grows beyond the limit of the process, on Linux and macOS alike (setrlimit(2), RLIMIT_FSIZE).
const SIGXFSZ: i32 = 25;

/// How long a process that could not start waits for its last spans and log lines to be taken.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs the service that `build` makes until the process is told to stop, and says on standard error why it does not.
pub fn run<A: OpenApi + 'static>(
    name: &'static str,
    settings: &Common,
    build: impl FnOnce() -> Result<Service<A>, StartupError>,
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

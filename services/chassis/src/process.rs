//! The life of a service's process: log, runtime, signals, exit code.

use std::{
    io::{self, Read},
    process::ExitCode,
    thread,
};

use poem_openapi::OpenApi;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use crate::{
    descriptors, log, say,
    server::Service,
    settings::{Common, Fatal},
    trace,
};

/// Sent when a file grows beyond the limit of the process, on Linux and macOS alike (setrlimit(2), RLIMIT_FSIZE).
const SIGXFSZ: i32 = 25;

/// Runs the service that `build` makes until the process is told to stop, and says on standard error why it does not.
pub fn run<A: OpenApi + 'static>(
    name: &'static str,
    settings: &Common,
    build: impl FnOnce() -> Result<Service<A>, Fatal>,
) -> ExitCode {
    let outcome = log::to_standard_error(name, settings.log_format)
        .and_then(|()| trace::start(name))
        .and_then(|()| build())
        .and_then(|service| serve(service, settings));
    trace::stop();
    log::flush();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fatal) => {
            say::err(format!("{name}: {fatal}\n"));
            ExitCode::FAILURE
        }
    }
}

fn serve<A: OpenApi + 'static>(service: Service<A>, settings: &Common) -> Result<(), Fatal> {
    descriptors::raise_limit(&settings.limits)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings.worker_threads())
        .enable_all()
        .build()
        .map_err(|error| Fatal::new(format!("no threads to work with: {error}")))?;
    runtime.block_on(async {
        // A file that grows beyond the process's limit is a write that fails, not the end of the process.
        let _size_limit_is_survived = signal(SignalKind::from_raw(SIGXFSZ));
        let told = told_to_stop()?;
        let stop = async move {
            tokio::select! {
                () = told => {}
                () = end_of_stdin(), if settings.stop_with_stdin => {}
            }
        };
        service.run(stop).await
    })
}

/// Resolves at SIGTERM or SIGINT. From the call on, neither ends the process by itself.
///
/// # Errors
/// The signals cannot be watched.
pub fn told_to_stop() -> Result<impl Future<Output = ()>, Fatal> {
    let watch =
        |kind| signal(kind).map_err(|error| Fatal::new(format!("signals cannot be watched: {error}")));
    let (mut terminate, mut interrupt) = (watch(SignalKind::terminate())?, watch(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
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

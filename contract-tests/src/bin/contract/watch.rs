//! `contract watch`: validates the traffic between callers and services, without sending requests of its own.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use contract_tests::{
    engine::{
        deployment::SERVICES,
        exchange::{Request, Response},
        faults::fault::Forward,
        session::{Scope, Session},
    },
    harness::proxy::Proxy,
};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};

use crate::{
    arguments::Watch,
    har::{Archive, Seen},
    output::{counted, say},
    replay::judged,
    secrets::Secrets,
    selection::{self, Chosen},
};

/// Where everything goes that is seen.
struct Watcher {
    session: Session,
    requests: AtomicUsize,
    /// Responses that are not as documented, and requests to what no document has.
    wrong: AtomicUsize,
    archive: Mutex<Option<Archive>>,
}

pub(crate) fn run(arguments: &Watch) -> Result<bool, String> {
    let Chosen { deployment, notes } = selection::choose(&arguments.target, true)?;
    let create = |path: &PathBuf| Archive::create(path, Secrets::of(&deployment)?);
    let archive = arguments.har.as_ref().map(create).transpose()?;
    let lines = judged(&deployment);
    lines.iter().chain(&notes).for_each(|line| say(line));
    // A user may stop this as soon as an address is shown.
    let mut stop = Stop::new()?;
    let watcher = Arc::new(Watcher {
        session: Session::with_scope(deployment, Scope::Whole),
        requests: AtomicUsize::default(),
        wrong: AtomicUsize::default(),
        archive: Mutex::new(archive),
    });
    let timeout = Duration::from_secs(arguments.target.place.timeout);
    for service in SERVICES.iter() {
        let proxy = Proxy::with_timeout(service, timeout);
        proxy.forward_to(&watcher.session.deployment.service(service).url);
        let watcher = watcher.clone();
        proxy.tamper(Some(Arc::new(move |request, forward| watcher.watch(&request, forward))));
        say(&format!("{service} is watched at {}", proxy.url()));
    }
    stop.wait();
    watcher.conclude()
}

impl Watcher {
    /// Passes a request on, and says what is not as documented.
    fn watch(&self, request: &Request, forward: Forward<'_>) -> Response {
        let (began, clock) = (SystemTime::now(), Instant::now());
        let response = forward(&without_coding(request));
        let took = clock.elapsed();
        self.requests.fetch_add(1, Ordering::Relaxed);
        let (method, path) = (&request.method, &request.path);
        // The second one is without the request, in which the credential of the caller may be.
        let complaint = match self.session.observe(request, &response) {
            Ok(true) => None,
            Ok(false) if is_preflight(request) => None,
            Ok(false) => {
                let status = response.status;
                Some((format!("NOT DOCUMENTED {method} {path}: {status}"), "it is not documented".to_owned()))
            }
            Err(failure) => {
                let text = failure.to_string();
                let first = text.lines().next().unwrap_or_default().to_owned();
                Some((format!("WRONG {method} {path}\n{text}"), first))
            }
        };
        if let Some((complaint, _)) = &complaint {
            self.wrong.fetch_add(1, Ordering::Relaxed);
            let is_terminal = io::stdout().is_terminal();
            say(&if is_terminal { format!("\x1b[31m{complaint}\x1b[0m") } else { complaint.clone() });
        }
        if let Some(archive) = self.archive.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            let url = &self.session.deployment.service(&request.service).url;
            let complaint = complaint.as_ref().map(|(_, first)| first.as_str());
            archive.add(&Seen { url, request, response: &response, began, took, complaint });
        }
        response
    }

    /// Shows the ledger. Returns whether everything was as documented.
    fn conclude(&self) -> Result<bool, String> {
        let requests = counted(self.requests.load(Ordering::Relaxed), "request");
        let wrong = self.wrong.load(Ordering::Relaxed);
        if let Ok(ledger) = self.session.ledger.lock() {
            say(&format!("\n{}", ledger.table().trim_end()));
        }
        say(&format!("\n{requests}, {wrong} not as documented"));
        let archive = self.archive.lock().unwrap_or_else(PoisonError::into_inner).take();
        archive.map_or(Ok(()), Archive::close)?;
        Ok(wrong == 0)
    }
}

/// The same request for a response without a coding, such as gzip, so that its body can be judged.
fn without_coding(request: &Request) -> Request {
    let mut request = request.clone();
    request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("Accept-Encoding"));
    request
}

/// Whether a browser asks by itself what a page of another origin may do (<https://fetch.spec.whatwg.org/#cors-preflight-request>),
/// which no document says.
fn is_preflight(request: &Request) -> bool {
    let has = |name: &str| request.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    request.method == "OPTIONS" && has("Origin") && has("Access-Control-Request-Method")
}

/// Ctrl-C, or what a supervisor sends.
struct Stop {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// Listens from now on.
    fn new() -> Result<Self, String> {
        let no = |error: io::Error| format!("signals cannot be waited for: {error}");
        let runtime = Builder::new_current_thread().enable_all().build().map_err(no)?;
        let inside = runtime.enter();
        let interrupt = signal(SignalKind::interrupt()).map_err(no)?;
        let terminate = signal(SignalKind::terminate()).map_err(no)?;
        drop(inside);
        Ok(Self { runtime, interrupt, terminate })
    }

    fn wait(&mut self) {
        let Self { runtime, interrupt, terminate } = self;
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
    }
}

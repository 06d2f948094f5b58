//! `contract watch`: judges what callers and services say to each other, without a request of its own.

use std::{
    io::{self, IsTerminal},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use contract_tests::{
    engine::{
        deployment::SERVICES,
        exchange::{Answer, Request},
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
    output::{counted, say},
    replay::judged,
    selection::{self, Chosen},
};

/// What was seen beside the ledger.
#[derive(Default)]
struct Seen {
    requests: AtomicUsize,
    /// Responses that are not as documented, and requests to what no document has.
    wrong: AtomicUsize,
}

pub(crate) fn run(arguments: &Watch) -> Result<bool, String> {
    let Chosen { deployment, notes } = selection::choose(&arguments.target, true)?;
    let lines = judged(&deployment);
    lines.iter().chain(&notes).for_each(|line| say(line));
    // Whoever reads an address may stop this at once.
    let mut stop = Stop::new()?;
    let session = Arc::new(Session::with_scope(deployment, Scope::Whole));
    let seen: Arc<Seen> = Arc::default();
    let patience = Duration::from_secs(arguments.target.place.timeout);
    for service in SERVICES.iter() {
        let proxy = Proxy::patient(service, patience);
        proxy.forward_to(&session.deployment.service(service).url);
        let (session, seen) = (session.clone(), seen.clone());
        proxy.tamper(Some(Arc::new(move |request, forward| watch(&session, &seen, &request, forward))));
        say(&format!("{service} is watched at {}", proxy.url()));
    }
    stop.wait();
    let requests = counted(seen.requests.load(Ordering::Relaxed), "request");
    let wrong = seen.wrong.load(Ordering::Relaxed);
    if let Ok(ledger) = session.ledger.lock() {
        say(&format!("\n{}", ledger.table().trim_end()));
    }
    say(&format!("\n{requests}, {wrong} not as documented"));
    Ok(wrong == 0)
}

/// Passes a request on, and says what is not as documented.
fn watch(session: &Session, seen: &Seen, request: &Request, forward: Forward<'_>) -> Answer {
    let answer = forward(request);
    seen.requests.fetch_add(1, Ordering::Relaxed);
    let (method, path) = (&request.method, &request.path);
    let complaint = match session.observe(request, &answer) {
        Ok(true) => None,
        Ok(false) => Some(format!("NOT DOCUMENTED {method} {path}: {}", answer.status)),
        Err(failure) => Some(format!("WRONG {method} {path}\n{failure}")),
    };
    if let Some(complaint) = complaint {
        seen.wrong.fetch_add(1, Ordering::Relaxed);
        let is_terminal = io::stdout().is_terminal();
        say(&if is_terminal { format!("\x1b[31m{complaint}\x1b[0m") } else { complaint });
    }
    answer
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

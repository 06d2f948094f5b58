//! `contract watch`: judges what callers and services say to each other, without a request of its own.

use std::{
    io::{self, IsTerminal},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
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
use tokio::signal::unix::{SignalKind, signal};

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
    let session = Arc::new(Session::with_scope(deployment, Scope::Whole));
    let seen: Arc<Seen> = Arc::default();
    for service in SERVICES.iter() {
        let proxy = Proxy::start(service);
        proxy.forward_to(&session.deployment.service(service).url);
        let (session, seen) = (session.clone(), seen.clone());
        proxy.tamper(Some(Arc::new(move |request, forward| watch(&session, &seen, &request, forward))));
        say(&format!("{service} is watched at {}", proxy.url()));
    }
    until_stopped()?;
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

/// Waits for Ctrl-C, or for what a supervisor sends.
fn until_stopped() -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("signals cannot be waited for: {error}"))?;
    runtime.block_on(async {
        let no = |error: io::Error| format!("signals cannot be waited for: {error}");
        let mut interrupt = signal(SignalKind::interrupt()).map_err(no)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(no)?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    })
}

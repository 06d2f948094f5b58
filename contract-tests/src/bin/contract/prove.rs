//! `contract prove`: injects one fault after the other, and reports whether any check notices it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use contract_tests::{
    engine::{
        checks::{self, Check, Outcome, Verdict},
        contract::Operation,
        deployment::SERVICES,
        faults::{
            fault::observed,
            generic::{self, Generic},
        },
        session::{Scope, Session},
    },
    harness::proxy::Proxy,
};

use crate::{
    arguments::Prove,
    kinds::Kinds,
    output::{counted, say},
    replay::{SILENCE, judged},
    selection::{self, Chosen},
};

/// What became of a fault.
enum Fate {
    /// This verdict failed.
    Noticed(String),
    /// Nothing failed, though it came about.
    Unnoticed,
    /// No request brought it about.
    Absent,
}

pub(crate) fn run(arguments: &Prove) -> Result<bool, String> {
    let Chosen { deployment, notes } = selection::choose(&arguments.target, !arguments.list)?;
    let mut faults = generic::all(&deployment);
    let has = |fault: &Generic| arguments.faults.iter().any(|text| fault.fault.name.contains(text.as_str()));
    faults.retain(|fault| arguments.faults.is_empty() || has(fault));
    if faults.is_empty() {
        return Err("no fault is chosen; `contract prove --list` shows them".into());
    }
    if arguments.list {
        faults.iter().for_each(|fault| say(&fault.fault.name));
        return Ok(true);
    }
    let lines = judged(&deployment);
    lines.iter().chain(&notes).for_each(|line| say(line));

    // Who stopped is seen where it was, and not at the proxy before it.
    let direct = deployment.clone();
    let timeout = Duration::from_secs(arguments.target.place.timeout);
    let mut proxies = BTreeMap::new();
    let mut before = deployment;
    for service in SERVICES.iter() {
        let proxy = Proxy::with_timeout(service, timeout);
        proxy.forward_to(&before.service(service).url);
        before = before.with_url(service, proxy.url().into());
        proxies.insert(*service, proxy);
    }
    let mut checks = selection::checks(&before, &arguments.target, &arguments.filter)?;
    // A proxy waits for the whole request, so one that never ends does not get through it.
    checks.retain(|check| check.is_whole() && (check.is_workflow() || !arguments.workflows_only));
    if checks.is_empty() {
        return Err(
            "there is no workflow, so --workflows-only leaves nothing that could notice a fault".into()
        );
    }
    let session = Session::with_scope(before, Scope::Whole).with_timeout(timeout + LATER);
    let trial = Trial { session, checks, proxies };
    let failing = trial.without_a_fault(arguments.verbose)?;

    let mut fates = Vec::new();
    for (index, fault) in faults.iter().enumerate() {
        progress(&format!("fault {} of {}", index + 1, faults.len()));
        let fate = trial.fate_of(fault, &failing);
        if SERVICES.iter().any(|service| selection::is_gone(&direct, service)) {
            return Err(format!("a service stopped while this fault was tried: {}", fault.fault.name));
        }
        fates.push((fault, fate?));
    }
    progress("");
    Ok(conclude(&fates, arguments.verbose))
}

/// How much longer a caller waits than the proxies, which know which service did not respond.
const LATER: Duration = Duration::from_secs(1);

/// How often everything is run without a fault. What can be done only once, such as creating what has a name of its own, fails
/// from the second time on, and would seem to notice every fault.
const ROUNDS: usize = 2;

/// The services behind their proxies, and what may notice a fault.
struct Trial {
    session: Session,
    checks: Vec<Check>,
    proxies: BTreeMap<&'static str, Proxy>,
}

impl Trial {
    /// Runs everything as it is. Returns the verdicts that fail, which notice nothing.
    fn without_a_fault(&self, is_verbose: bool) -> Result<BTreeSet<String>, String> {
        let (mut failing, mut passing) = (BTreeSet::new(), BTreeSet::new());
        let mut kinds = Kinds::default();
        for _ in 0..ROUNDS {
            passing.clear();
            let mut silent = 0;
            for check in &self.checks {
                for verdict in check.run(&self.session) {
                    match verdict.outcome {
                        Outcome::Passed => drop(passing.insert(verdict.name)),
                        Outcome::Failed(failure) if failing.insert(verdict.name.clone()) => {
                            let why = failure.to_string();
                            let expected = why.lines().next().unwrap_or_default();
                            if is_verbose || kinds.is_told(&verdict.name, expected) {
                                say(&format!(
                                    "fails without a fault, so it cannot notice one: {} ({expected})",
                                    verdict.name
                                ));
                            }
                        }
                        Outcome::Failed(_) | Outcome::NotReached | Outcome::NotJudged(_) => {}
                    }
                }
                silent = if self.was_unanswered() { silent + 1 } else { 0 };
                if silent >= SILENCE {
                    return Err("no service responds, even without a fault: see `contract replay`".into());
                }
            }
        }
        kinds.untold().for_each(|line| say(&line));
        let passing = passing.difference(&failing).count();
        if passing == 0 {
            return Err(
                "nothing passes without a fault, so nothing can notice one: see `contract replay`".into()
            );
        }
        say(&format!("{passing} of {} pass without a fault", counted(passing + failing.len(), "check")));
        Ok(failing)
    }

    /// Whether a service has left a request without a response since this was asked before.
    fn was_unanswered(&self) -> bool {
        // Each of them is asked, since each forgets what it was asked for.
        self.proxies.values().filter(|proxy| proxy.was_unanswered()).count() > 0
    }

    /// The outcome of a fault, or why there is none.
    fn fate_of(&self, generic: &Generic, failing: &BTreeSet<String>) -> Result<Fate, String> {
        let Generic { fault, operation, .. } = generic;
        let proxy = &self.proxies[operation.service];
        let came_about = Arc::new(AtomicBool::new(false));
        proxy.tamper(Some(observed(fault.tamper.clone(), came_about.clone())));
        let noticed = self.first_to_notice(operation, failing);
        proxy.tamper(None);
        Ok(match noticed.map_err(|sentence| format!("{sentence}: {}", fault.name))? {
            Some(name) => Fate::Noticed(name),
            None if came_about.load(Ordering::Relaxed) => Fate::Unnoticed,
            None => Fate::Absent,
        })
    }

    /// The first verdict that fails, and does not without a fault.
    fn first_to_notice(
        &self,
        operation: &Operation,
        failing: &BTreeSet<String>,
    ) -> Result<Option<String>, String> {
        let mut silent = 0;
        for check in checks::of(operation, &self.checks) {
            let verdicts = check.run(&self.session);
            // A service that does not respond shows nothing about a fault, which may have passed unnoticed.
            if self.was_unanswered() {
                silent += 1;
                if silent >= SILENCE {
                    return Err("no service responds while this fault is tried".into());
                }
                continue;
            }
            silent = 0;
            let notices = |verdict: &Verdict| match &verdict.outcome {
                Outcome::Failed(failure) => !failure.is_silence && !failing.contains(&verdict.name),
                _ => false,
            };
            if let Some(verdict) = verdicts.into_iter().find(notices) {
                return Ok(Some(verdict.name));
            }
        }
        Ok(None)
    }
}

/// Lists the faults that live. Returns whether there is none.
fn conclude(fates: &[(&Generic, Fate)], is_verbose: bool) -> bool {
    let mut noticed = 0;
    for (Generic { fault, advice, .. }, fate) in fates {
        match fate {
            Fate::Noticed(by) => {
                noticed += 1;
                if is_verbose {
                    say(&format!("noticed      {}\n             by {by}", fault.name));
                }
            }
            Fate::Unnoticed => say(&format!("NOT NOTICED  {}\n             add {advice}", fault.name)),
            Fate::Absent => say(&format!("NEVER TRIED  {}\n             add {advice}", fault.name)),
        }
    }
    say(&format!("\n{noticed} of {} noticed", counted(fates.len(), "fault")));
    noticed == fates.len()
}

/// Shows on a terminal how far it is.
fn progress(text: &str) {
    let mut stderr = io::stderr();
    if stderr.is_terminal() {
        let _ = write!(stderr, "\r\x1b[K{text}");
        let _ = stderr.flush();
    }
}

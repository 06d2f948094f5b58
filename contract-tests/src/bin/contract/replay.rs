//! `contract replay`: runs every check once, and shows the ledger.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};

use contract_tests::engine::{
    checks::{Check, Outcome, Verdict},
    compatibility,
    contract::CONTRACT,
    deployment::{Deployment, SERVICES},
    session::{Scope, Session},
    subject::subject,
};

use crate::{
    again,
    arguments::Replay,
    kinds::Kinds,
    output::{counted, say},
    report::{self, Report, Wanted},
    secrets::Secrets,
    selection::{self, Chosen},
};

/// After so many requests in a row without a response, no more are sent.
pub(crate) const SILENCE: usize = 3;

pub(crate) fn run(arguments: &Replay) -> Result<bool, String> {
    let reports = report::wanted(&arguments.report)?;
    let Chosen { deployment, notes } = selection::choose(&arguments.target, !arguments.list)?;
    let checks = selection::checks(&deployment, &arguments.target, &arguments.filter)?;
    if arguments.list {
        checks.iter().flat_map(Check::names).for_each(|name| say(&name));
        return Ok(true);
    }
    if let Some(folder) = &arguments.out {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let reports = reports.into_iter().map(Wanted::open).collect::<Result<Vec<Report>, _>>()?;
    let subject = judged(&deployment);
    subject.iter().chain(&notes).for_each(|line| say(line));
    let secrets = Arc::new(Secrets::of(&deployment)?);
    let hide = secrets.clone();
    let session = Session::with_scope(deployment, Scope::Whole)
        .with_timeout(Duration::from_secs(arguments.target.place.timeout))
        .hiding(Arc::new(move |text| hide.redacted(text)));
    let verdicts = judge(&session, &checks, arguments.verbose);
    let passed = conclude(arguments, &session, &verdicts);
    // A report that cannot be written does not prevent the others.
    let mut written = Vec::from_iter(reports.into_iter().map(|report| report.write(&verdicts, &secrets)));
    if let Some(folder) = &arguments.out {
        written.push(leave(arguments, folder, &session, &subject, &verdicts, &secrets));
    }
    written.into_iter().collect::<Result<(), String>>()?;
    Ok(passed)
}

/// What is tested, and by what, one line each.
pub(crate) fn judged(deployment: &Deployment) -> Vec<String> {
    let of = |service: &&str| {
        let document = CONTRACT.document(service);
        let version = compatibility::version(&document.json);
        let operations = counted(document.operations.len(), "operation");
        format!("{service} at {}: {operations}, version {version}", deployment.service(service).url)
    };
    SERVICES.iter().map(of).collect()
}

/// Runs every check, and tells at once what failed.
fn judge(session: &Session, checks: &[Check], is_verbose: bool) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let mut silent = 0;
    let mut kinds = Kinds::default();
    for (index, check) in checks.iter().enumerate() {
        for verdict in check.run(session) {
            match &verdict.outcome {
                Outcome::Failed(failure) => {
                    let text = failure.to_string();
                    silent = if failure.is_silence { silent + 1 } else { 0 };
                    let expected = text.lines().next().unwrap_or_default();
                    match kinds.is_told(&verdict.name, expected) {
                        true => say(&format!("\nFAILED {}\n{text}", verdict.name)),
                        false => say(&format!("FAILED {}, like the ones above ({expected})", verdict.name)),
                    }
                }
                Outcome::Passed => {
                    silent = 0;
                    if is_verbose {
                        say(&format!("passed {}", verdict.name));
                    }
                }
                Outcome::NotReached if is_verbose => say(&format!("not reached {}", verdict.name)),
                Outcome::NotReached => {}
                Outcome::NotJudged(why) => {
                    silent = 0;
                    if is_verbose {
                        say(&format!("not judged {}: {why}", verdict.name));
                    }
                }
            }
            verdicts.push(verdict);
        }
        if silent >= SILENCE {
            let left = counted(checks.len() - index - 1, "check");
            say(&format!("\nno service responds, so {left} did not run: find out why, or raise --timeout"));
            break;
        }
    }
    verdicts
}

/// Shows the ledger and the numbers. Returns whether all is well.
fn conclude(arguments: &Replay, session: &Session, verdicts: &[Verdict]) -> bool {
    let filter = &arguments.filter;
    // Callers rely on less than what is documented.
    let is_everything = filter.only.is_empty() && filter.skip.is_empty() && !arguments.target.as_caller;
    let Ok(ledger) = session.ledger.lock() else { return false };
    let mut is_seen = true;
    if is_everything {
        say(&format!("\n{}", ledger.table().trim_end()));
        if subject().profile.all_must_be_seen {
            let complaints = ledger.complaints();
            is_seen = complaints.is_empty();
            complaints.iter().for_each(|complaint| say(&format!("ledger: {complaint}")));
        }
    }
    let count = |is: fn(&Outcome) -> bool| verdicts.iter().filter(|verdict| is(&verdict.outcome)).count();
    let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    let passed = count(|outcome| matches!(outcome, Outcome::Passed));
    let unreached = count(|outcome| matches!(outcome, Outcome::NotReached));
    let unjudged = count(|outcome| matches!(outcome, Outcome::NotJudged(_)));
    let also = |count: usize, what: &str| if count > 0 { format!(", {count} {what}") } else { String::new() };
    let (unreached, unjudged) = (also(unreached, "not reached"), also(unjudged, "not judged"));
    for (why, count) in reasons(verdicts) {
        say(&format!("not judged: {why} ({})", counted(count, "check")));
    }
    if passed == 0 && unjudged.is_empty() {
        say("\nnothing passed: is this the right address, with the path that the service has, such as /api?");
    }
    say(&format!("\n{passed} passed, {failed} failed{unreached}{unjudged}"));
    failed == 0 && passed > 0 && is_seen
}

/// Why checks were not judged, and how many for each reason.
fn reasons(verdicts: &[Verdict]) -> BTreeMap<&str, usize> {
    let mut reasons = BTreeMap::new();
    for verdict in verdicts {
        if let Outcome::NotJudged(why) = &verdict.outcome {
            *reasons.entry(why.as_str()).or_default() += 1;
        }
    }
    reasons
}

/// Leaves the ledger and the failures in a folder.
fn leave(
    arguments: &Replay,
    folder: &Path,
    session: &Session,
    subject: &[String],
    verdicts: &[Verdict],
    secrets: &Secrets,
) -> Result<(), String> {
    if let Ok(ledger) = session.ledger.lock() {
        ledger.write(folder, subject).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let failed = again::keep(&arguments.target, folder, session, verdicts, secrets)?;
    say(&format!("the ledger is in {}", folder.join("index.html").display()));
    if let Some(first) = failed.first() {
        say(&format!("to repeat it: contract again {}", first.display()));
    }
    Ok(())
}

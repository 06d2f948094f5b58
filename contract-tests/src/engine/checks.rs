//! All checks of the services: the steps of workflows, and the cases and promises that are generated from the documents.

use std::time::{Duration, Instant};

use crate::engine::{
    contract::Operation,
    deployment::Deployment,
    exchange::Delivery,
    failure::Failure,
    replay::{
        case::{Case, Finding},
        cases,
        label::Label,
        promises::{self, Promise},
        workflows::{self, Played},
    },
    session::Session,
};

/// A workflow, a case or a promise.
pub struct Check {
    /// `<workflow>`, or `<service> <operation>::<what is special about it>`.
    pub name: String,
    what: What,
}

enum What {
    Workflow(&'static str, Vec<&'static str>),
    Case(Box<Case>),
    Promise(Promise),
}

/// The outcome of a check, or of one of its steps.
pub struct Verdict {
    /// The check, and the step of it.
    pub name: String,
    /// Whether it passed.
    pub outcome: Outcome,
    /// How long it took.
    pub time: Duration,
}

/// Whether a check passed.
pub enum Outcome {
    /// It did.
    Passed,
    /// It did not.
    Failed(Failure),
    /// A step before it did not.
    NotReached,
    /// It cannot be judged, for a reason that names the operation.
    NotJudged(String),
}

/// Every check, workflows first.
pub fn all(deployment: &Deployment) -> Vec<Check> {
    let workflows = workflows::all()
        .map(|(workflow, steps)| Check { name: workflow.into(), what: What::Workflow(workflow, steps) });
    let cases = cases::cases(deployment).into_iter().map(|case| Check {
        name: format!("{} {}", case.request.service, case.name),
        what: What::Case(Box::new(case)),
    });
    let promises = promises::all().map(|promise| Check {
        name: format!("{} {}", promise.service(), promise.name),
        what: What::Promise(promise),
    });
    workflows.chain(cases).chain(promises).collect()
}

/// The checks that may notice a fault of an operation, the likeliest first: its own cases and promises, the workflows, and what else
/// is asked of its service. Those of other services are asked elsewhere.
pub fn of<'a>(operation: &Operation, checks: &'a [Check]) -> Vec<&'a Check> {
    let own = format!("{} {}::", operation.service, operation.id);
    let service = format!("{} ", operation.service);
    let is_asked = |check: &&Check| check.is_workflow() || check.name.starts_with(&service);
    let mut chosen: Vec<&Check> = checks.iter().filter(is_asked).collect();
    chosen.sort_by_key(|check| match () {
        () if check.name.starts_with(&own) => 0,
        () if check.is_workflow() => 1,
        () => 2,
    });
    chosen
}

impl Check {
    /// The names of its verdicts.
    pub fn names(&self) -> Vec<String> {
        match &self.what {
            What::Workflow(workflow, steps) => {
                steps.iter().map(|step| format!("{workflow}::{step}")).collect()
            }
            What::Case(_) | What::Promise(_) => vec![self.name.clone()],
        }
    }

    /// Whether a verdict of this name is one of it.
    pub fn has(&self, name: &str) -> bool {
        match &self.what {
            // Those of the workflows that it calls are known when it was played.
            What::Workflow(workflow, _) => name.split("::").next() == Some(workflow),
            What::Case(_) | What::Promise(_) => name == self.name,
        }
    }

    /// Whether it is the steps of a workflow.
    pub fn is_workflow(&self) -> bool {
        matches!(self.what, What::Workflow(..))
    }

    /// Whether callers rely on it: on what a workflow shows and a document promises, and not on what is refused.
    pub fn is_relied_on(&self) -> bool {
        !matches!(&self.what, What::Case(case) if !case.is_fit())
    }

    /// Whether it can be sent through a proxy, which waits for whole requests.
    pub fn is_whole(&self) -> bool {
        !matches!(&self.what, What::Case(case) if case.request.delivery == Delivery::Half)
    }

    /// Asks the services. Returns a verdict for each step.
    pub fn run(&self, session: &Session) -> Vec<Verdict> {
        let began = Instant::now();
        let one = |result: Result<Finding, Failure>| {
            let outcome = match result {
                Ok(Finding::Kept) => Outcome::Passed,
                Ok(Finding::NotJudged(why)) => Outcome::NotJudged(why),
                Err(failure) => Outcome::Failed(failure),
            };
            vec![Verdict { name: self.name.clone(), outcome, time: began.elapsed() }]
        };
        match &self.what {
            What::Case(case) => one(case.check(session)),
            What::Promise(promise) => one(promise.check(session)),
            What::Workflow(workflow, steps) => {
                let played = workflows::play(workflow, session);
                let time = began.elapsed() / u32::try_from(played.len().max(1)).unwrap_or(1);
                verdicts(workflow, steps, played, time)
            }
        }
    }
}

/// A verdict for each step of a workflow, and for each step of another one that it brought about.
fn verdicts(workflow: &str, steps: &[&str], played: Vec<Played>, time: Duration) -> Vec<Verdict> {
    let own = steps.iter().map(|step| Label { workflow: workflow.into(), step: (*step).into() });
    // A step that a workflow skips on purpose, for example with `goto`, is not a failure.
    let mut outcomes: Vec<(Label, Outcome)> = own.map(|label| (label, Outcome::NotReached)).collect();
    for Played { label, outcome } in played {
        let outcome = outcome.map_or_else(Outcome::Failed, |_| Outcome::Passed);
        match outcomes.iter_mut().find(|(known, _)| *known == label) {
            // A step that is played more than once has failed if it did once.
            Some((_, Outcome::Failed(_))) => {}
            Some((_, known)) => *known = outcome,
            None => outcomes.push((label, outcome)),
        }
    }
    let verdict = |(label, outcome): (Label, Outcome)| {
        let time = if matches!(outcome, Outcome::NotReached) { Duration::ZERO } else { time };
        let own = label.workflow == workflow;
        let step = if own { label.step } else { format!("{}.{}", label.workflow, label.step) };
        Verdict { name: format!("{workflow}::{step}"), outcome, time }
    };
    outcomes.into_iter().map(verdict).collect()
}

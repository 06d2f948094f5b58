//! Everything that services are asked: the steps of workflows, the cases and the promises that the documents give rise to.

use std::time::{Duration, Instant};

use crate::engine::{
    deployment::Deployment,
    exchange::Delivery,
    replay::{
        case::Case,
        cases,
        promises::{self, Promise},
        workflows,
    },
    session::{Failure, Session},
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

/// What became of a check, or of a step of it.
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

    /// Whether it is the steps of a workflow.
    pub fn is_workflow(&self) -> bool {
        matches!(self.what, What::Workflow(..))
    }

    /// Whether it can be sent through a proxy, which waits for whole requests.
    pub fn is_whole(&self) -> bool {
        !matches!(&self.what, What::Case(case) if case.request.delivery == Delivery::Half)
    }

    /// Asks the services. Returns a verdict for each step.
    pub fn run(&self, session: &Session) -> Vec<Verdict> {
        let began = Instant::now();
        let one = |result: Result<(), Failure>| {
            let outcome = result.map_or_else(Outcome::Failed, |()| Outcome::Passed);
            vec![Verdict { name: self.name.clone(), outcome, time: began.elapsed() }]
        };
        match &self.what {
            What::Case(case) => one(case.check(session)),
            What::Promise(promise) => one(promise.check(session)),
            What::Workflow(workflow, steps) => {
                let outcomes = workflows::play(workflow, session);
                let count = outcomes.len().max(steps.len());
                let time = began.elapsed() / u32::try_from(outcomes.len().max(1)).unwrap_or(1);
                let mut outcomes = outcomes.into_iter();
                let verdict = |index: usize| {
                    let (outcome, time) = match outcomes.next() {
                        Some(Ok(_)) => (Outcome::Passed, time),
                        Some(Err(failure)) => (Outcome::Failed(failure), time),
                        // What a workflow leaves out on purpose, such as by `goto`, is no failure.
                        None => (Outcome::NotReached, Duration::ZERO),
                    };
                    // A step that is tried again is played more than once.
                    let step = steps.get(index).filter(|_| count == steps.len());
                    let step = step.map_or_else(|| format!("step {}", index + 1), |step| (*step).to_owned());
                    Verdict { name: format!("{workflow}::{step}"), outcome, time }
                };
                (0..count).map(verdict).collect()
            }
        }
    }
}

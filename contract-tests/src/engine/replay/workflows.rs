//! Plays the workflows of `openapi/store.arazzo.yaml`, a step at a time, through a [`Session`] that judges every answer.

use std::sync::LazyLock;

use enumset::EnumSet;
use roas_arazzo::{v1_0, v1_1, validation::Validate};
use roas_arazzo_executor::{HttpRequest, HttpResponse, Options, Performed, Progress, Run};

use crate::engine::{
    contract::{CONTRACT, Operation},
    deployment::SERVICES,
    exchange::{Answer, Request},
    session::{Failure, Scope, Session},
};

/// The workflows that any faithful implementation passes; the others are what this store adds.
const COMMON: [&str; 4] = ["products", "orders", "payments", "purchase"];

/// What became of a step: an exchange, or a reason why it did not pass.
pub type Outcome = Result<(Request, Answer), Failure>;

static DESCRIPTION: LazyLock<v1_1::Description> = LazyLock::new(|| {
    let description: v1_0::Description =
        serde_yaml_ng::from_str(&CONTRACT.workflows).expect("an Arazzo 1.0 description");
    description.validate(EnumSet::empty()).expect("a valid Arazzo description");
    description.into()
});

/// The ids of all workflows, and of their steps.
pub fn all() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    DESCRIPTION.workflows.iter().map(|workflow| {
        (workflow.workflow_id.as_str(), workflow.steps.iter().map(|step| step.step_id.as_str()).collect())
    })
}

/// Whether a store is asked for this workflow.
pub fn is_asked(workflow: &str, scope: Scope) -> bool {
    scope == Scope::Whole || COMMON.contains(&workflow)
}

/// Whether any faithful implementation has this operation.
pub fn is_common(operation: &Operation) -> bool {
    let reference = format!("$sourceDescriptions.{}.{}", operation.service, operation.id);
    let common =
        DESCRIPTION.workflows.iter().filter(|workflow| COMMON.contains(&workflow.workflow_id.as_str()));
    common.flat_map(|workflow| &workflow.steps).any(|step| step.operation_id.as_ref() == Some(&reference))
}

/// Plays a workflow from its first step to its last, or to the first that does not pass.
pub fn play(workflow: &str, session: &Session) -> Vec<Outcome> {
    let mut options = Options::new().workflow(workflow);
    for document in &CONTRACT.documents {
        let service = document.service;
        let address = session.deployment.service(service);
        options = options
            .source(service, format!("{service}.json"), document.json.clone())
            .base_url(service, &address.url)
            .input(format!("{service}_token"), address.token.clone());
    }
    let mut outcomes = Vec::new();
    let mut run = match Run::start(&DESCRIPTION, &options) {
        Ok(run) => run,
        Err(error) => return vec![Err(stuck(workflow, 0, &error.to_string()))],
    };
    let report = loop {
        match run.advance() {
            Ok(Progress::Send(request)) => {
                let request = of_session(&request, session);
                let answer = match session.send(&request) {
                    Ok(answer) => answer,
                    Err(failure) => {
                        outcomes.push(Err(failure));
                        return outcomes;
                    }
                };
                let supplied = run.supply(of_run(&answer));
                let failure =
                    supplied.err().map(|error| session.failure(&request, &answer, &error.to_string()));
                let outcome = failure.map_or_else(|| Ok((request, answer)), Err);
                let failed = outcome.is_err();
                outcomes.push(outcome);
                if failed {
                    return outcomes;
                }
            }
            Ok(Progress::Done(report)) => break report,
            Ok(Progress::Wait(_)) => {
                outcomes.push(Err(stuck(workflow, outcomes.len(), "it asks to wait, which no step may")));
                return outcomes;
            }
            Err(error) => {
                outcomes.push(Err(stuck(workflow, outcomes.len(), &error.to_string())));
                return outcomes;
            }
        }
    };
    // Whether a step passed is known when the run is over.
    for (step, outcome) in report.steps.iter().zip(&mut outcomes) {
        debug_assert!(matches!(step.performed, Performed::Request { .. }));
        if let (false, Ok((request, answer))) = (step.passed, &*outcome) {
            let unmet = step.criteria.iter().filter(|criterion| !criterion.passed);
            let expected: Vec<&str> = unmet.map(|criterion| criterion.condition.as_str()).collect();
            *outcome = Err(session.failure(request, answer, &expected.join("\n            ")));
        }
    }
    outcomes
}

/// Why a workflow cannot be played further than its first `played` steps.
fn stuck(workflow: &str, played: usize, reason: &str) -> Failure {
    let steps = all().find(|(id, _)| *id == workflow).map_or(Vec::new(), |(_, steps)| steps);
    let step = steps.get(played).copied().unwrap_or("the end");
    Failure::new(format!("{workflow} cannot be played further than {played} steps, to {step}: {reason}"))
}

fn of_session(request: &HttpRequest, session: &Session) -> Request {
    let service = SERVICES
        .iter()
        .find(|service| request.url.starts_with(&format!("{}/", session.deployment.service(service).url)))
        .expect("a request to a service of the store");
    let path = &request.url[session.deployment.service(service).url.len()..];
    Request {
        headers: request.headers.clone(),
        body: request.body.clone().unwrap_or_default(),
        ..Request::new(service, &request.method, path)
    }
}

fn of_run(answer: &Answer) -> HttpResponse {
    let mut response = HttpResponse::default();
    response.status = answer.status;
    response.headers.clone_from(&answer.headers);
    response.body.clone_from(&answer.body);
    response
}

//! Plays the workflows of an Arazzo description, a step at a time, through a [`Session`] that judges every answer.

use std::{sync::LazyLock, thread, time::Duration};

use roas_arazzo::v1_1;
use roas_arazzo_executor::{HttpRequest, HttpResponse, Options, Performed, Progress, Run};

use crate::engine::{
    contract::{CONTRACT, Operation},
    deployment::SERVICES,
    exchange::{Answer, Request},
    security::{with_headers, with_token},
    session::{Failure, Scope, Session},
    subject::subject,
};

/// The longest that a step may wait for its next attempt.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What became of a step: an exchange, or a reason why it did not pass.
pub type Outcome = Result<(Request, Answer), Failure>;

/// The description, with no workflows if there is none.
fn description() -> Option<&'static v1_1::Description> {
    subject().workflows.as_ref()
}

/// The ids of all workflows, and of their steps.
pub fn all() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    let workflows = description().into_iter().flat_map(|description| &description.workflows);
    workflows.map(|workflow| {
        (workflow.workflow_id.as_str(), workflow.steps.iter().map(|step| step.step_id.as_str()).collect())
    })
}

/// Whether services are asked for this workflow.
pub fn is_asked(workflow: &str, scope: Scope) -> bool {
    scope == Scope::Whole || is_of_any(workflow)
}

/// Whether any implementation of the contract passes it.
fn is_of_any(workflow: &str) -> bool {
    let common = &subject().profile.common_workflows;
    common.is_empty() || common.iter().any(|name| name == workflow)
}

/// Whether any faithful implementation has this operation.
pub fn is_common(operation: &Operation) -> bool {
    let reference = format!("$sourceDescriptions.{}.{}", operation.service, operation.id);
    let Some(description) = description() else { return true };
    let common = description.workflows.iter().filter(|workflow| is_of_any(&workflow.workflow_id));
    common.flat_map(|workflow| &workflow.steps).any(|step| step.operation_id.as_ref() == Some(&reference))
}

/// Plays a workflow from its first step to its last, or to the first that does not pass.
pub fn play(workflow: &str, session: &Session) -> Vec<Outcome> {
    let mut options = Options::new().workflow(workflow);
    for (document, service) in CONTRACT.documents.iter().zip(&subject().services) {
        let address = session.deployment.service(service.name);
        options = options
            .source(service.name, service.url.clone(), document.json.clone())
            .base_url(service.name, &address.url)
            .input(format!("{}_token", service.name), address.token.clone());
    }
    for (name, value) in &session.deployment.inputs {
        options = options.input(name.clone(), value.clone());
    }
    let mut outcomes = Vec::new();
    let Some(description) = description() else { return outcomes };
    let mut run = match Run::start(description, &options) {
        Ok(run) => run,
        Err(error) => return vec![Err(stuck(workflow, 0, &error.to_string()))],
    };
    let report = loop {
        match run.advance() {
            Ok(Progress::Send(request)) => {
                let Some(request) = of_session(&request, session) else {
                    let reason = format!("{} is at none of the services", request.url);
                    outcomes.push(Err(stuck(workflow, outcomes.len(), &reason)));
                    return outcomes;
                };
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
            Ok(Progress::Wait(time)) if time <= LONGEST_WAIT => thread::sleep(time),
            Ok(Progress::Wait(time)) => {
                let reason =
                    format!("it asks to wait {} s, and no step may longer than 10 s", time.as_secs());
                outcomes.push(Err(stuck(workflow, outcomes.len(), &reason)));
                return outcomes;
            }
            Err(error) => {
                outcomes.push(Err(stuck(workflow, outcomes.len(), &error.to_string())));
                return outcomes;
            }
        }
    };
    // Whether a step passed is known when the run is over.
    let sent = report.steps.iter().filter(|step| matches!(step.performed, Performed::Request { .. }));
    let is_tried_again =
        |index: usize, step: &str| report.steps.iter().skip(index + 1).any(|it| it.step_id == step);
    for ((index, step), outcome) in sent.enumerate().zip(&mut outcomes) {
        if is_tried_again(index, &step.step_id) {
            continue;
        }
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

/// The request as a session sends it. None if it goes to no service.
fn of_session(request: &HttpRequest, session: &Session) -> Option<Request> {
    let url = |service: &str| session.deployment.service(service).url.as_str();
    let is_there = |service: &&&str| {
        let path = request.url.strip_prefix(url(service));
        path.is_some_and(|path| path.is_empty() || path.starts_with(['/', '?']))
    };
    // One service may be below another, or beside it at the same address.
    let knows = |service: &str| {
        let path = &request.url[url(service).len()..];
        CONTRACT.document(service).find(&request.method, path.split('?').next().unwrap_or_default()).is_some()
    };
    let service =
        SERVICES.iter().filter(is_there).max_by_key(|service| (url(service).len(), knows(service)))?;
    let path = &request.url[url(service).len()..];
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let request = Request {
        headers: request.headers.clone(),
        body: request.body.clone().unwrap_or_default(),
        ..Request::new(service, &request.method, path)
    };
    let request = with_headers(request, &session.deployment);
    if names_token(service) {
        return Some(request);
    }
    let operation = CONTRACT.document(service).find(&request.method, request.path_only());
    let security = operation.and_then(|operation| operation.security.clone());
    let token = &session.deployment.service(service).token;
    let with = with_token(&security, request.clone(), token);
    // A step that says who it is keeps its word.
    let says = request.headers.iter().any(|(name, _)| {
        with.headers
            .iter()
            .any(|header| header.0.eq_ignore_ascii_case(name) && !request.headers.contains(header))
    });
    Some(if says { request } else { with })
}

/// Whether the workflows send the token of a service themselves, where it is due.
fn names_token(service: &str) -> bool {
    static TEXT: LazyLock<String> =
        LazyLock::new(|| description().and_then(|it| serde_json::to_string(it).ok()).unwrap_or_default());
    TEXT.contains(&format!("$inputs.{service}_token"))
}

fn of_run(answer: &Answer) -> HttpResponse {
    let mut response = HttpResponse::default();
    response.status = answer.status;
    response.headers.clone_from(&answer.headers);
    response.body.clone_from(&answer.body);
    response
}

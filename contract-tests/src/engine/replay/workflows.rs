//! Runs the workflows of an Arazzo description, one step at a time, through a [`Session`] that validates every response.

use std::{sync::LazyLock, thread, time::Duration};

use roas_arazzo::v1_1;
use roas_arazzo_executor::{
    ExecutionReport, HttpRequest, HttpResponse, Options, Performed, Progress, Run, StepRecord,
};

use super::label::{self, Label};
use crate::engine::{
    contract::{CONTRACT, Operation},
    deployment::SERVICES,
    exchange::{Request, Response},
    failure::Failure,
    security::{with_headers, with_token},
    session::{Scope, Session},
    subject::subject,
};

/// The longest that a step may wait for its next attempt.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A step that was played, and what became of it.
pub struct Played {
    /// The step.
    pub label: Label,
    /// Its outcome.
    pub outcome: Outcome,
}

/// The outcome of a step: an exchange, if it sends a request, or the reason why it did not pass.
pub type Outcome = Result<Option<(Request, Response)>, Failure>;

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

/// Plays a workflow to its end, or until something does not pass. A step that is tried again is played more than once.
pub fn play(workflow: &str, session: &Session) -> Vec<Played> {
    /// The description whose requests say which step they are of.
    static LABELLED: LazyLock<Option<v1_1::Description>> =
        LazyLock::new(|| description().map(label::on_each));

    let mut played = Vec::new();
    let Some(description) = LABELLED.as_ref() else { return played };
    match advance(description, &options(workflow, session), session, &mut played) {
        Ok(report) => judge(&report, session, played),
        Err(Stop { at, failure }) => {
            // The runner does not say which step could not begin; the first that was not played is the likeliest.
            let label = at.unwrap_or_else(|| first_unplayed(workflow, &played));
            played.push(Played { label, outcome: Err(failure) });
            played
        }
    }
}

fn options(workflow: &str, session: &Session) -> Options {
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
    options
}

/// Why a run stops before its end, and at which step, if that is known.
struct Stop {
    at: Option<Label>,
    failure: Failure,
}

/// Sends what the steps of a workflow ask for, and adds each to `played`.
fn advance(
    description: &v1_1::Description,
    options: &Options,
    session: &Session,
    played: &mut Vec<Played>,
) -> Result<ExecutionReport, Stop> {
    let stuck = |played: usize, reason: &str| Stop {
        at: None,
        failure: Failure::new(format!("it cannot be played further than {played} steps: {reason}")),
    };
    let mut run = Run::start(description, options).map_err(|error| stuck(0, &error.to_string()))?;
    loop {
        match run.advance().map_err(|error| stuck(played.len(), &error.to_string()))? {
            Progress::Send(mut sent) => {
                let label = label::taken_off(&mut sent);
                let stop = |failure| Stop { at: Some(label.clone()), failure };
                let nowhere = || stop(Failure::new(format!("{} is at none of the services", sent.url)));
                let request = of_session(&sent, session).ok_or_else(nowhere)?;
                let response = session.send(&request).map_err(stop)?;
                run.supply(of_run(&response))
                    .map_err(|error| stop(session.failure(&request, &response, &error.to_string())))?;
                played.push(Played { label, outcome: Ok(Some((request, response))) });
            }
            Progress::Done(report) => return Ok(*report),
            Progress::Wait(time) if time <= LONGEST_WAIT => thread::sleep(time),
            Progress::Wait(time) => {
                let reason =
                    format!("it asks to wait {} s, and no step may longer than 10 s", time.as_secs());
                return Err(stuck(played.len(), &reason));
            }
        }
    }
}

/// Judges the steps by the report, since whether they passed is known when the run is over.
fn judge(report: &ExecutionReport, session: &Session, played: Vec<Played>) -> Vec<Played> {
    let mut sent = played.into_iter();
    let mut judged = Vec::new();
    for (index, step) in report.steps.iter().enumerate() {
        let label = Label { workflow: step.workflow_id.clone(), step: step.step_id.clone() };
        let exchange = match step.performed {
            Performed::Request { .. } => sent.next().and_then(|played| played.outcome.ok().flatten()),
            _ => None,
        };
        let is_tried_again = report.steps[index + 1..]
            .iter()
            .any(|later| later.step_id == step.step_id && later.workflow_id == step.workflow_id);
        let outcome = match exchange {
            exchange if step.passed || is_tried_again => Ok(exchange),
            Some((request, response)) => Err(session.failure(&request, &response, &unmet(step))),
            None => Err(Failure::new(format!("expected:   {}", unmet(step)))),
        };
        judged.push(Played { label, outcome });
    }
    if !report.is_success() && judged.iter().all(|played| played.outcome.is_ok()) {
        let label = first_unplayed(&report.workflow_id, &judged);
        let failure = Failure::new("expected:   a workflow that succeeds".into());
        judged.push(Played { label, outcome: Err(failure) });
    }
    judged
}

/// The expectation of a step that was not met.
fn unmet(step: &StepRecord) -> String {
    let unmet = step.criteria.iter().filter(|criterion| !criterion.passed);
    let expected: Vec<&str> = unmet.map(|criterion| criterion.condition.as_str()).collect();
    match (&step.performed, expected.as_slice()) {
        (Performed::Workflow { workflow_id, .. }, []) => format!("the workflow {workflow_id} to succeed"),
        (_, []) => "a status from 200 to 399, since the step has no criteria".to_owned(),
        (_, expected) => expected.join("\n            "),
    }
}

/// The first step of a workflow that is not among those that were played, or else the last.
fn first_unplayed(workflow: &str, played: &[Played]) -> Label {
    let steps = all().find(|(id, _)| *id == workflow).map_or(Vec::new(), |(_, steps)| steps);
    let is_played = |step: &str| played.iter().any(|one| one.label.is(workflow, step));
    let step = steps.iter().find(|step| !is_played(step)).or(steps.last());
    Label { workflow: workflow.to_owned(), step: step.map_or("the_end", |step| step).to_owned() }
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

fn of_run(response: &Response) -> HttpResponse {
    let mut supplied = HttpResponse::default();
    supplied.status = response.status;
    supplied.headers.clone_from(&response.headers);
    supplied.body.clone_from(&response.body);
    supplied
}

//! A case: a request that is made from a document, and the response that it must get.

use std::{
    collections::BTreeSet,
    ops::RangeInclusive,
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{parameters, workflows};
use crate::engine::{
    contract::{CONTRACT, Document, Operation},
    deployment::Deployment,
    exchange::{Request, Response, escaped, written},
    facets,
    failure::Failure,
    limits::limits as limits_of,
    profile::Situation,
    security::authorized,
    session::{Scope, Session},
    subject::subject,
};

/// A request that is generated from a document, and the response that it must get.
pub struct Case {
    /// `<operation>::<what is special about it>`
    pub name: String,
    /// The request.
    pub request: Request,
    /// None if every response will do that is among these, or that does not blame the request's fields.
    pub(super) status: Option<u16>,
    pub(super) text: Option<String>,
    /// The statuses of which any will do.
    pub(super) among: Option<RangeInclusive<u16>>,
    /// Expected besides status and error message.
    pub(super) further: Expectation,
    /// Whether any faithful implementation passes it.
    pub is_common: bool,
}

/// The result of a check that finds nothing wrong.
#[derive(Debug, PartialEq, Eq)]
pub enum Finding {
    /// It is as it must be.
    Kept,
    /// It cannot be judged, for a reason.
    NotJudged(String),
}

/// An expectation besides status and error message.
pub(super) enum Expectation {
    Nothing,
    /// A `detail` with this in it.
    Detail(String),
    /// This header with this value.
    Header(&'static str, String),
    /// A list header with these elements, in any order.
    Elements(&'static str, BTreeSet<String>),
}

impl Case {
    /// A case of something wrong. None if neither the profile nor the document says what the response is.
    pub(super) fn of(
        situation: Situation,
        operation: &Operation,
        name: &str,
        request: Request,
    ) -> Option<Self> {
        let exact = subject().profile.response(situation);
        let among = if exact.is_none() { Some(situation.otherwise()?) } else { None };
        Some(Self {
            status: exact.map(|exact| exact.status),
            text: exact.and_then(|exact| exact.text.clone()),
            among,
            ..Self::within_limits(operation, name, request)
        })
    }

    /// A case whose fields and parameters are within their limits, so that the response depends on what is there.
    pub(super) fn within_limits(operation: &Operation, name: &str, request: Request) -> Self {
        Self {
            name: format!("{}::{name}", operation.id),
            request,
            status: None,
            text: None,
            among: None,
            further: Expectation::Nothing,
            is_common: false,
        }
    }

    /// A case that a service may take or refuse, as long as it does not fail.
    pub(super) fn either_way(operation: &Operation, name: &str, request: Request) -> Self {
        Self { among: Some(200..=499), ..Self::within_limits(operation, name, request) }
    }

    /// A case that names what is not there. Which of several texts says so, no document can tell.
    pub(super) fn not_found(
        situation: Situation,
        operation: &Operation,
        name: &str,
        request: Request,
    ) -> Option<Self> {
        let case = Self::of(situation, operation, name, request)?;
        let texts = case
            .status
            .and_then(|status| operation.responses.get(&status))
            .map(|response| &response.texts[..]);
        let text = if let Some([only]) = texts { Some(only.clone()) } else { None };
        Some(Self { text, ..case })
    }

    /// A case that any faithful implementation passes, if it has the operation at all.
    pub(super) fn common(self, operation: &Operation) -> Self {
        Self { is_common: workflows::is_common(operation), ..self }
    }

    pub(super) fn with(self, further: Expectation) -> Self {
        Self { further, ..self }
    }

    /// Whether the request fits its document, so that callers may send it.
    pub(crate) fn is_fit(&self) -> bool {
        self.status.is_none() && self.among.is_none()
    }

    /// Sends the request.
    ///
    /// # Errors
    /// The response is not as it must be.
    pub fn check(&self, session: &Session) -> Result<Finding, Failure> {
        let response = match self.status {
            Some(status) => session.expect(&self.request, status, self.text.as_deref())?,
            None => session.send(&self.request)?,
        };
        let finding = match &self.among {
            Some(among) => self.in_range(among, &response),
            None if self.status.is_none() => self.validity(session, &response),
            None => Ok(Finding::Kept),
        };
        let finding =
            finding.and_then(|finding| self.unmet_detail(session, &response).map_or(Ok(finding), Err));
        finding.map_err(|expected| session.failure(&self.request, &response, &expected))
    }

    fn in_range(&self, among: &RangeInclusive<u16>, response: &Response) -> Result<Finding, String> {
        let (least, most) = (among.start(), among.end());
        match among.contains(&response.status) {
            true => Ok(Finding::Kept),
            false if *least < 400 => Err(NO_FAILURE.into()),
            false => Err(format!("an error: a documented status from {least} to {most}")),
        }
    }

    /// What fits the document is not refused for not fitting it.
    fn validity(&self, session: &Session, response: &Response) -> Result<Finding, String> {
        let profile = &subject().profile;
        // A parameter may say that the caller waits no longer, and a service may have as much as it takes.
        let excused = [Situation::Expired, Situation::Full].map(|it| Some(profile.response(it)?.status));
        if response.status >= 500 && !excused.contains(&Some(response.status)) {
            return Err(NO_FAILURE.into());
        }
        let texts = [Situation::Missing, Situation::Invalid].map(|it| profile.response(it)?.text.as_deref());
        let blames = || response.error().is_some_and(|text| texts.contains(&Some(text.as_str())));
        if texts.iter().any(Option::is_some) {
            return match blames() {
                true => Err("a response that takes the request for valid".into()),
                false => Ok(Finding::Kept),
            };
        }
        let document = CONTRACT.document(&self.request.service);
        let Some(operation) = document.find(&self.request.method, self.request.path_only()) else {
            return Ok(Finding::Kept);
        };
        let knows = !session.deployment.service(&self.request.service).token.is_empty();
        if response.status == 401 && knows && operation.is_closed() {
            return Err("a response to a caller with the right credential".into());
        }
        // Where no text tells why, an example that is taken tells that it is not for what both share.
        if !matches!(response.status, 400 | 422) {
            return Ok(Finding::Kept);
        }
        let valid = session.send(&valid_request(operation, &session.deployment));
        match valid {
            Ok(valid) if valid.status < 300 => {
                Err("a response that takes the request for valid, as it takes the example".into())
            }
            Ok(valid) => Ok(refused_example(operation, valid.status)),
            Err(_) => Ok(unjudged(operation, "its example has no documented response")),
        }
    }

    fn unmet_detail(&self, session: &Session, response: &Response) -> Option<String> {
        match &self.further {
            Expectation::Nothing => None,
            Expectation::Detail(part) => {
                let detail = response.json()["detail"].as_str().unwrap_or_default().to_owned();
                (!detail.contains(part)).then(|| format!("a detail that says: {part}"))
            }
            Expectation::Header(..) | Expectation::Elements(..) if session.scope == Scope::Common => None,
            Expectation::Header(name, value) => {
                (response.header(name) != Some(value)).then(|| format!("the header {name}: {value}"))
            }
            Expectation::Elements(name, elements) => {
                let list = response.header(name).unwrap_or_default().split(',');
                let listed: BTreeSet<String> = list.map(|element| element.trim().to_owned()).collect();
                let expected: Vec<&str> = elements.iter().map(String::as_str).collect();
                (listed != *elements)
                    .then(|| format!("the header {name}: {}, in any order", expected.join(", ")))
            }
        }
    }
}

/// The expectations for every response to any request.
const NO_FAILURE: &str = "no failure of the service";

/// Where the example is refused, nothing tells how the service takes what fits.
pub(super) fn refused_example(operation: &Operation, status: u16) -> Finding {
    unjudged(operation, &format!("its example was refused with {status}"))
}

fn unjudged(operation: &Operation, why: &str) -> Finding {
    let Operation { service, method, template, .. } = operation;
    Finding::NotJudged(format!("{service}, {method} {template}: {why}"))
}

/// What the `detail` of a refusal must say, if the profile has one.
pub(super) fn detail(says: impl Into<String>) -> Expectation {
    if subject().profile.details { Expectation::Detail(says.into()) } else { Expectation::Nothing }
}

/// A valid request that creates something in `service`.
pub fn create(session: &Session, service: &str) -> Request {
    let creating = creating(CONTRACT.document(service));
    valid_request(creating.expect("an operation that creates"), &session.deployment)
}

/// The operation that creates something in a service.
pub(super) fn creating(document: &Document) -> Option<&Operation> {
    document.operations.iter().find(|operation| operation.creates())
}

/// A request that nothing is wrong with, except perhaps that what it names does not exist. What others need is not
/// deleted: a `DELETE` names the last of all ids.
pub fn valid_request(operation: &Operation, deployment: &Deployment) -> Request {
    let named = |name: &str| {
        let mut parameters = operation.parameters();
        let parameter = parameters.find(|one| one["in"] == "path" && one["name"] == name)?;
        let limits = limits_of(operation.schemas(), &parameter["schema"]);
        let last = limits.into_iter().rfind(|limit| limit.is_within && limit.value.is_some());
        last.filter(|_| operation.method == "DELETE")?.value.map(|value| escaped(&written(&value)))
    };
    let request = Request::new(operation.service, &operation.method, operation.path_with(named));
    let request = authorized(&operation.security, request, deployment);
    // Of several media types, JSON is the one that can be judged.
    let has_others = operation.all_documented().any(|(_, documented)| documented.media_types.len() > 1);
    let request = if has_others { request.header("Accept", "application/json") } else { request };
    let required = operation.parameters().filter(|one| one["required"] == true && one["in"] != "path");
    let request = required.fold(request, |request, parameter| {
        // What the caller of this program gave, such as a credential, is not made up.
        if facets::sent_value(operation, &request, parameter).is_some() {
            return request;
        }
        let example = facets::example(operation.schemas(), parameter);
        parameters::with(operation, &request, parameter, &example)
    });
    match operation.example() {
        Some(body) => request.json(&body).header("Content-Type", &*operation.media_type),
        None => request,
    }
}

/// An unused key. Other callers may use the same service.
pub(super) fn unused_key() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("key-{now:x}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

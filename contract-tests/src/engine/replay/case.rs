//! A case: a request that is made from a document, and the response that it must get.

use super::workflows;
use crate::engine::{
    contract::{CONTRACT, Operation},
    deployment::Deployment,
    exchange::Request,
    session::{Failure, Scope, Session},
};

/// A request that is made up from a document, and what it must be answered.
pub struct Case {
    /// `<operation>::<what is special about it>`
    pub name: String,
    /// The request.
    pub request: Request,
    /// None if every answer will do that does not blame the request's fields.
    pub(super) status: Option<u16>,
    pub(super) text: Option<String>,
    /// Expected beside status and text.
    pub(super) further: Expectation,
    /// Whether any faithful implementation passes it.
    pub is_common: bool,
}

/// An expectation beside status and text.
pub(super) enum Expectation {
    Nothing,
    /// A `detail` with this in it.
    Detail(String),
    /// This header with this value.
    Header(&'static str, String),
}

impl Case {
    pub(super) fn new(operation: &Operation, name: &str, request: Request, status: u16, text: &str) -> Self {
        let name = format!("{}::{name}", operation.id);
        Self {
            name,
            request,
            status: Some(status),
            text: Some(text.into()),
            further: Expectation::Nothing,
            is_common: false,
        }
    }

    /// A case whose fields and parameters are within their limits, so that the answer depends on what is there.
    pub(super) fn within_limits(operation: &Operation, name: &str, request: Request) -> Self {
        let name = format!("{}::{name}", operation.id);
        Self { name, request, status: None, text: None, further: Expectation::Nothing, is_common: false }
    }

    /// A case that any faithful implementation passes, if it has the operation at all.
    pub(super) fn common(self, operation: &Operation) -> Self {
        Self { is_common: workflows::is_common(operation), ..self }
    }

    pub(super) fn with(self, further: Expectation) -> Self {
        Self { further, ..self }
    }

    /// Sends the request.
    ///
    /// # Errors
    /// The answer is not as it must be.
    pub fn check(&self, session: &Session) -> Result<(), Failure> {
        let answer = match self.status {
            Some(status) => session.expect(&self.request, status, self.text.as_deref())?,
            None => session.send(&self.request)?,
        };
        let blames_request =
            answer.error().is_some_and(|text| text == "Missing fields" || text == "Invalid fields");
        if self.status.is_none() && blames_request {
            let expected = "an answer that takes the request for valid";
            return Err(session.failure(&self.request, &answer, expected));
        }
        let unmet = match &self.further {
            Expectation::Nothing => None,
            Expectation::Detail(part) => {
                let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
                (!detail.contains(part)).then(|| format!("a detail that says: {part}"))
            }
            Expectation::Header(..) if session.scope == Scope::Common => None,
            Expectation::Header(name, value) => {
                (answer.header(name) != Some(value)).then(|| format!("the header {name}: {value}"))
            }
        };
        unmet.map_or(Ok(()), |expected| Err(session.failure(&self.request, &answer, &expected)))
    }
}

/// A valid request that creates something in `service`.
pub fn create(session: &Session, service: &str) -> Request {
    let operations = &CONTRACT.document(service).operations;
    let creating = operations.iter().find(|operation| operation.method == "POST");
    valid_request(creating.expect("an operation that creates"), &session.deployment)
}

/// A request that nothing is wrong with, except perhaps that what it names does not exist.
pub fn valid_request(operation: &Operation, deployment: &Deployment) -> Request {
    let token = &deployment.service(operation.service).token;
    let request = Request::new(operation.service, &operation.method, operation.path("1")).token(token);
    match operation.example() {
        Some(body) => request.json(&body),
        None => request,
    }
}

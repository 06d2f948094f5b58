//! A case: a request that is made from a document, and the response that it must get.

use std::collections::BTreeSet;

use super::{parameters, workflows};
use crate::engine::{
    contract::{CONTRACT, Document, Operation},
    deployment::Deployment,
    exchange::{Request, escaped},
    facets,
    limits::limits as limits_of,
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
    /// A list header with these elements, in any order.
    Elements(&'static str, BTreeSet<String>),
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

    /// A case that names what is not there. Which of several texts says so, no document can tell.
    pub(super) fn not_found(operation: &Operation, name: &str, request: Request) -> Self {
        let texts = operation.answers.get(&404).map_or(&[][..], |documented| &documented.texts);
        let text = if let [only] = texts { Some(only.clone()) } else { None };
        Self { text, ..Self::new(operation, name, request, 404, "") }
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
            Expectation::Header(..) | Expectation::Elements(..) if session.scope == Scope::Common => None,
            Expectation::Header(name, value) => {
                (answer.header(name) != Some(value)).then(|| format!("the header {name}: {value}"))
            }
            Expectation::Elements(name, elements) => {
                let list = answer.header(name).unwrap_or_default().split(',');
                let listed: BTreeSet<String> = list.map(|element| element.trim().to_owned()).collect();
                let expected: Vec<&str> = elements.iter().map(String::as_str).collect();
                (listed != *elements)
                    .then(|| format!("the header {name}: {}, in any order", expected.join(", ")))
            }
        };
        unmet.map_or(Ok(()), |expected| Err(session.failure(&self.request, &answer, &expected)))
    }
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
    let token = &deployment.service(operation.service).token;
    let named = |name: &str| {
        let mut parameters = operation.parameters();
        let parameter = parameters.find(|one| one["in"] == "path" && one["name"] == name)?;
        let limits = limits_of(operation.schemas(), &parameter["schema"]);
        let last = limits.into_iter().rfind(|limit| limit.is_within && limit.value.is_some());
        last.filter(|_| operation.method == "DELETE")?
            .value
            .map(|value| escaped(&parameters::written(&value)))
    };
    let request = Request::new(operation.service, &operation.method, operation.path_with(named)).token(token);
    let required = operation.parameters().filter(|one| one["required"] == true && one["in"] != "path");
    let request = required.fold(request, |request, parameter| {
        let example = facets::example(operation.schemas(), parameter);
        parameters::with(operation, &request, parameter, &example)
    });
    match operation.example() {
        Some(body) => request.json(&body),
        None => request,
    }
}

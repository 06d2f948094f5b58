//! A session with services: sends requests, validates each response against its document, and records it in the ledger.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use reqwest::Method;

use crate::engine::{
    connection::Connection,
    contract::CONTRACT,
    deployment::{Deployment, SERVICES},
    exchange::{self, Delivery, Request, Response},
    failure::Failure,
    judge::judge,
    ledger::Ledger,
    profile::Situation,
    raw, repeat,
    security::authorized,
    subject::subject,
};

/// How much of the contract is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The original contract, which every implementation fulfils.
    Common,
    /// Also what this implementation adds.
    Whole,
}

/// Sends requests to services.
pub struct Session {
    /// Where they are.
    pub deployment: Deployment,
    /// How much of the contract is tested.
    pub scope: Scope,
    /// The ledger of responses that were seen.
    pub ledger: Arc<Mutex<Ledger>>,
    http: reqwest::blocking::Client,
    /// How long a response may take.
    timeout: Duration,
    /// Whether a request is retried after a reset.
    retries_resets: bool,
    /// Takes secrets out of what files keep of a failure.
    hide: Option<Hide>,
}

/// Takes secrets out of a text.
pub type Hide = Arc<dyn Fn(&str) -> String + Send + Sync>;

impl Session {
    /// A session with `deployment`. Services that show their documents are asked for the whole contract.
    pub fn new(deployment: Deployment) -> Self {
        let mut session = Self::with_scope(deployment, Scope::Common);
        let shows_document = |service: &&str| {
            let response = session.exchange(&Request::new(service, "GET", "/openapi.json"));
            response.is_ok_and(|response| response.status == 200 && response.json()["openapi"].is_string())
        };
        if SERVICES.iter().all(shows_document) {
            session.scope = Scope::Whole;
        }
        session
    }

    /// A session with `deployment` that asks for this much. Nothing is sent yet.
    pub fn with_scope(deployment: Deployment, scope: Scope) -> Self {
        Self {
            deployment,
            scope,
            ledger: Arc::default(),
            http: exchange::http_client(exchange::RESPONSE_TIMEOUT),
            timeout: exchange::RESPONSE_TIMEOUT,
            retries_resets: false,
            hide: None,
        }
    }

    /// The same session for third-party services, with a timeout for each response. It repeats a request that was reset before
    /// a response, since they may close an idle connection at any time.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { retries_resets: true, http: exchange::http_client(timeout), timeout, ..self }
    }

    /// The same session, with a connection of its own for each request: a service may close an idle one at the very moment that
    /// it is used again.
    pub fn unpooled(self) -> Self {
        Self { http: exchange::unpooled_client(self.timeout), ..self }
    }

    /// The same session, with what it sees written in `ledger`.
    pub fn writing_in(self, ledger: Arc<Mutex<Ledger>>) -> Self {
        Self { ledger, ..self }
    }

    /// The same session, whose failures are kept without the secrets that `hide` takes out.
    pub fn hiding(self, hide: Hide) -> Self {
        Self { hide: Some(hide), ..self }
    }

    /// A request to an operation, with the right token.
    pub fn request(&self, service: &str, method: &str, path: impl Into<String>) -> Request {
        let request = Request::new(service, method, path);
        let operation = CONTRACT.document(service).find(method, request.path_only());
        let security = operation.and_then(|operation| operation.security.clone());
        authorized(&security, request, &self.deployment)
    }

    /// Sends `request` and judges the response by the document.
    ///
    /// # Errors
    /// There is no response, or it is not as documented.
    pub fn send(&self, request: &Request) -> Result<Response, Failure> {
        let response = self.exchange(request)?;
        self.observe(request, &response)?;
        Ok(response)
    }

    /// Judges the response to `request` by the document, and records it. Returns whether the document has the operation.
    ///
    /// # Errors
    /// It is not as documented.
    pub fn observe(&self, request: &Request, response: &Response) -> Result<bool, Failure> {
        let document = CONTRACT.document(&request.service);
        // HEAD gets the same response as GET (RFC 9110, section 9.3.2).
        let is_head = request.method == "HEAD";
        let method = if is_head { "GET" } else { &request.method };
        let Some(operation) = document.find(method, request.path_only()) else {
            return Ok(false);
        };
        let judged = judge(operation, request, response, self.scope == Scope::Whole);
        if !is_head {
            let mut ledger = self.ledger.lock().expect("the ledger");
            match &judged {
                Ok(()) => ledger.record(operation, request, response),
                Err(_) => ledger.record_wrong(operation, response),
            }
        }
        judged.map_err(|expected| self.failure(request, response, &expected))?;
        Ok(true)
    }

    /// Sends `request` and expects this status and, if it is a refusal, this exact text.
    ///
    /// # Errors
    /// The response is another, or not as documented.
    pub fn expect(&self, request: &Request, status: u16, text: Option<&str>) -> Result<Response, Failure> {
        let response = self.send(request)?;
        self.is(request, &response, status, text)?;
        Ok(response)
    }

    /// Sends `request` and expects the exact response that the profile has for a situation.
    ///
    /// # Errors
    /// The response is another, or not as documented, or the profile has none.
    pub fn expect_exact(&self, request: &Request, situation: Situation) -> Result<Response, Failure> {
        let response = self.send(request)?;
        self.is_exact(request, &response, situation)?;
        Ok(response)
    }

    /// Whether `response` is the exact one that the profile has for a situation.
    ///
    /// # Errors
    /// It is another, or the profile has none.
    pub fn is_exact(
        &self,
        request: &Request,
        response: &Response,
        situation: Situation,
    ) -> Result<(), Failure> {
        let exact = subject().profile.response(situation);
        let none = || Failure::new(format!("the profile has no response for {situation:?}"));
        let exact = exact.ok_or_else(none)?;
        self.is(request, response, exact.status, exact.text.as_deref())
    }

    /// Whether `response` has this status and, if one is named, this text.
    fn is(
        &self,
        request: &Request,
        response: &Response,
        status: u16,
        text: Option<&str>,
    ) -> Result<(), Failure> {
        if response.status == status && (text.is_none() || response.error().as_deref() == text) {
            return Ok(());
        }
        Err(self.failure(request, response, &format!("{status} {}", text.unwrap_or_default())))
    }

    /// What is to be said of a response that is not `expected`.
    pub fn failure(&self, request: &Request, response: &Response, expected: &str) -> Failure {
        let kept = self.hide.as_ref().map(|hide| {
            let response = Response { body: hidden(hide, &response.body), ..response.clone() };
            hide(&self.unexpected(&without_secrets(hide, request), expected, &response.to_string()))
        });
        Failure::new(self.unexpected(request, expected, &response.to_string())).keeping(kept)
    }

    /// The failure of a request that got no response, with the reason.
    fn unanswered(&self, request: &Request, reason: &str) -> Failure {
        let (expected, response) = ("a response", format!("none ({reason})"));
        let kept = self
            .hide
            .as_ref()
            .map(|hide| hide(&self.unexpected(&without_secrets(hide, request), expected, &response)));
        Failure::new(self.unexpected(request, expected, &response)).keeping(kept)
    }

    fn unexpected(&self, request: &Request, expected: &str, response: &str) -> String {
        let repeat = repeat::how(request, &self.deployment.service(&request.service).url);
        format!("expected:   {expected}\nrequest:    {request}\nresponse:   {response}\nrepeat:     {repeat}")
    }

    /// Keeps a service busy with a request that never ends, until what is returned is dropped.
    pub fn occupy(&self, request: &Request) -> Connection {
        self.begin(&Request { delivery: Delivery::Half, ..request.clone() })
    }

    /// Sends `request`, whose response is not read.
    pub fn begin(&self, request: &Request) -> Connection {
        raw::begin(&self.deployment.service(&request.service).url, request).expect("a connection")
    }

    /// Sends `request` as it is, and does not judge the response.
    ///
    /// # Errors
    /// There is none.
    pub fn exchange(&self, request: &Request) -> Result<Response, Failure> {
        let url = &self.deployment.service(&request.service).url;
        let response = match request.delivery {
            Delivery::Whole => match self.send_whole(url, request) {
                Err(error) if self.retries_resets && exchange::was_reset(&error) => {
                    self.send_whole(url, request)
                }
                result => result,
            }
            .map_err(|error| match error.is_builder() {
                // What was never sent says nothing of the service.
                true => self.unanswered(request, &format!("it cannot be sent: {}", cause(&error))),
                false => self.unanswered(request, &cause(&error)).by_silence(),
            }),
            Delivery::Chunked | Delivery::Half => raw::send(url, request, self.timeout)
                .map_err(|error| self.unanswered(request, &error.to_string()).by_silence()),
        };
        response.map(|response| response.without_prefix(url))
    }

    fn send_whole(&self, url: &str, request: &Request) -> reqwest::Result<Response> {
        let method = Method::from_bytes(request.method.as_bytes()).unwrap_or_default();
        let mut builder = self.http.request(method, format!("{url}{}", request.path));
        for (name, value) in &request.headers {
            builder = builder.header(name, value.as_bytes());
        }
        if !request.body.is_empty() {
            builder = builder.body(request.body.clone());
        }
        Response::from_response(builder.send()?)
    }
}

/// A request whose body has no secrets. They are taken out before it is shortened, since afterwards a part of one may be left.
fn without_secrets(hide: &Hide, request: &Request) -> Request {
    Request { body: hidden(hide, &request.body), ..request.clone() }
}

fn hidden(hide: &Hide, body: &[u8]) -> Vec<u8> {
    hide(&String::from_utf8_lossy(body)).into_bytes()
}

/// The innermost reason, such as that a connection was refused.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    innermost.to_string()
}

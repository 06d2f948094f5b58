//! A session with services: sends requests, judges each response by its document, and records it in the ledger.

use std::{
    fmt,
    io::{Read, Write},
    net::TcpStream,
    sync::{Arc, Mutex},
    time::Duration,
};

use reqwest::Method;
use serde_json::Value;

use crate::engine::{
    contract::{CONTRACT, Document},
    deployment::{Deployment, SERVICES},
    exchange::{self, Answer, Delivery, Request},
    judge::judge,
    ledger::Ledger,
    profile::{Exact, Situation},
    security::authorized,
    subject::subject,
};

/// How much is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// What any faithful implementation does.
    Common,
    /// Also what one of them adds.
    Whole,
}

/// Sends requests to services.
pub struct Session {
    /// Where they are.
    pub deployment: Deployment,
    /// How much is asked of them.
    pub scope: Scope,
    /// What was seen.
    pub ledger: Arc<Mutex<Ledger>>,
    http: reqwest::blocking::Client,
    /// Whether what was reset is sent again.
    is_patient: bool,
}

/// Why something did not pass.
#[derive(Clone, Debug)]
pub struct Failure {
    sentence: String,
    /// Whether there was no answer.
    pub is_silence: bool,
}

impl Failure {
    /// A failure that is no answer to a request.
    pub(crate) fn new(sentence: String) -> Self {
        Self { sentence, is_silence: false }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.sentence)
    }
}

impl Session {
    /// A session with `deployment`. Services that show their documents are asked for the whole contract.
    pub fn new(deployment: Deployment) -> Self {
        let mut session = Self::with_scope(deployment, Scope::Common);
        let shows_document = |service: &&str| {
            let answer = session.exchange(&Request::new(service, "GET", "/openapi.json"));
            answer.is_ok_and(|answer| answer.status == 200 && answer.json()["openapi"].is_string())
        };
        if SERVICES.iter().all(shows_document) {
            session.scope = Scope::Whole;
        }
        session
    }

    /// What is judged, by what: the address, the version and the document of each service, and the suite. Each is a line.
    pub fn subject(&self) -> Vec<String> {
        let of_service = |service: &str| {
            let Document { json, .. } = CONTRACT.document(service);
            let url = &self.deployment.service(service).url;
            let shown = self.exchange(&Request::new(service, "GET", "/openapi.json")).ok();
            let shown = shown.filter(|answer| answer.status == 200).map(|answer| answer.json());
            let shows = match &shown {
                Some(shown) if without_servers(shown) == without_servers(json) => {
                    "shows the same document".to_owned()
                }
                Some(shown) => format!("shows another document, version {}", text(&shown["info"]["version"])),
                None => "shows no document, so that it is asked for the original contract only".to_owned(),
            };
            format!(
                "{service} at {url}, judged by openapi/{service}.json {}; it {shows}",
                text(&json["info"]["version"])
            )
        };
        let suite = format!("by contract-tests {}", env!("CARGO_PKG_VERSION"));
        SERVICES.iter().map(|service| of_service(service)).chain([suite]).collect()
    }

    /// A session with `deployment` that asks for this much. Nothing is sent yet.
    pub fn with_scope(deployment: Deployment, scope: Scope) -> Self {
        Self {
            deployment,
            scope,
            ledger: Arc::default(),
            http: exchange::http_client(exchange::PATIENCE),
            is_patient: false,
        }
    }

    /// The same session for services that are not known: it waits so long for an answer, and sends again what was reset before
    /// anything was answered, since they may close an idle connection whenever they like.
    pub fn patient(self, patience: Duration) -> Self {
        Self { is_patient: true, http: exchange::http_client(patience), ..self }
    }

    /// The same session, with what it sees written in `ledger`.
    pub fn writing_in(self, ledger: Arc<Mutex<Ledger>>) -> Self {
        Self { ledger, ..self }
    }

    /// A request to an operation, with the right token.
    pub fn request(&self, service: &str, method: &str, path: impl Into<String>) -> Request {
        let request = Request::new(service, method, path);
        let operation = CONTRACT.document(service).find(method, request.path_only());
        let security = operation.and_then(|operation| operation.security.clone());
        authorized(&security, request, &self.deployment)
    }

    /// Sends `request` and judges the answer by the document.
    ///
    /// # Errors
    /// There is no answer, or it is not as documented.
    pub fn send(&self, request: &Request) -> Result<Answer, Failure> {
        let answer = self.exchange(request)?;
        self.observe(request, &answer)?;
        Ok(answer)
    }

    /// Judges the answer to `request` by the document, and records it. Returns whether the document has the operation.
    ///
    /// # Errors
    /// It is not as documented.
    pub fn observe(&self, request: &Request, answer: &Answer) -> Result<bool, Failure> {
        let document = CONTRACT.document(&request.service);
        // HEAD is answered like GET (RFC 9110, section 9.3.2).
        let is_head = request.method == "HEAD";
        let method = if is_head { "GET" } else { &request.method };
        let Some(operation) = document.find(method, request.path_only()) else {
            return Ok(false);
        };
        judge(operation, request, answer, self.scope == Scope::Whole)
            .map_err(|expected| self.failure(request, answer, &expected))?;
        if !is_head {
            self.ledger.lock().expect("the ledger").record(operation, request, answer);
        }
        Ok(true)
    }

    /// Sends `request` and expects this status and, if it is a refusal, this exact text.
    ///
    /// # Errors
    /// The answer is another, or not as documented.
    pub fn expect(&self, request: &Request, status: u16, text: Option<&str>) -> Result<Answer, Failure> {
        let answer = self.send(request)?;
        let as_expected = answer.status == status && (text.is_none() || answer.error().as_deref() == text);
        if !as_expected {
            let expected = format!("{status} {}", text.unwrap_or_default());
            return Err(self.failure(request, &answer, &expected));
        }
        Ok(answer)
    }

    /// Sends `request` and expects the exact answer that the profile has for a situation.
    ///
    /// # Errors
    /// The answer is another, or not as documented, or the profile has none.
    pub fn expect_exact(&self, request: &Request, situation: Situation) -> Result<Answer, Failure> {
        let answer = self.send(request)?;
        self.is_exact(request, &answer, situation)?;
        Ok(answer)
    }

    /// Whether `answer` is the exact one that the profile has for a situation.
    ///
    /// # Errors
    /// It is another, or the profile has none.
    pub fn is_exact(&self, request: &Request, answer: &Answer, situation: Situation) -> Result<(), Failure> {
        let Some(Exact { status, text }) = subject().profile.answer(situation) else {
            return Err(Failure::new(format!("the profile has no answer for {situation:?}")));
        };
        if answer.status == *status && (text.is_none() || answer.error() == *text) {
            return Ok(());
        }
        Err(self.failure(request, answer, &format!("{status} {}", text.as_deref().unwrap_or_default())))
    }

    /// What is to be said of an answer that is not `expected`.
    pub fn failure(&self, request: &Request, answer: &Answer, expected: &str) -> Failure {
        self.unexpected(request, expected, &answer.to_string())
    }

    fn unexpected(&self, request: &Request, expected: &str, answer: &str) -> Failure {
        let curl = request.curl(&self.deployment.service(&request.service).url);
        let sentence = format!(
            "expected:   {expected}\nrequest:    {request}\nanswer:     {answer}\nrepeat:     {curl}"
        );
        Failure { sentence, is_silence: false }
    }

    /// Keeps a service busy with a request that never ends, until what is returned is dropped.
    pub fn occupy(&self, request: &Request) -> TcpStream {
        self.begin(&Request { delivery: Delivery::Half, ..request.clone() })
    }

    /// Sends `request`, whose answer is not read.
    pub fn begin(&self, request: &Request) -> TcpStream {
        begin(&self.deployment.service(&request.service).url, request).expect("a connection")
    }

    /// Sends `request` as it is.
    fn exchange(&self, request: &Request) -> Result<Answer, Failure> {
        let url = &self.deployment.service(&request.service).url;
        let answer = match request.delivery {
            Delivery::Whole => match self.send_whole(url, request) {
                Err(error) if self.is_patient && exchange::was_reset(&error) => self.send_whole(url, request),
                result => result,
            }
            .map_err(|error| cause(&error)),
            Delivery::Chunked | Delivery::Half => send_raw(url, request).map_err(|error| error.to_string()),
        };
        let answer = answer.map(|answer| without_prefix(answer, exchange::parts(url).1));
        answer.map_err(|error| Failure {
            is_silence: true,
            ..self.unexpected(request, "an answer", &format!("none ({error})"))
        })
    }

    fn send_whole(&self, url: &str, request: &Request) -> reqwest::Result<Answer> {
        let method = Method::from_bytes(request.method.as_bytes()).unwrap_or_default();
        let mut builder = self.http.request(method, format!("{url}{}", request.path));
        for (name, value) in &request.headers {
            builder = builder.header(name, value.as_bytes());
        }
        if !request.body.is_empty() {
            builder = builder.body(request.body.clone());
        }
        Answer::from_response(builder.send()?)
    }
}

/// A document without the address of the service, which differs from deployment to deployment.
fn without_servers(document: &Value) -> Value {
    let mut document = document.clone();
    document.as_object_mut().and_then(|members| members.shift_remove("servers"));
    document
}

/// The innermost reason, such as that a connection was refused.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    innermost.to_string()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("(none)")
}

/// The answer with `Location` and `Link` as a service without a prefix writes them. What does not begin with the prefix leads
/// nowhere, and says so to whoever compares it.
fn without_prefix(mut answer: Answer, prefix: &str) -> Answer {
    for (name, value) in answer.headers.iter_mut().filter(|_| !prefix.is_empty()) {
        let start = match name.to_ascii_lowercase().as_str() {
            "location" => "",
            "link" => "<",
            _ => continue,
        };
        match value.strip_prefix(&format!("{start}{prefix}/")) {
            Some(rest) => *value = format!("{start}/{rest}"),
            None if value.starts_with(&format!("{start}/")) => {
                *value += &format!(" (which is not below {prefix})");
            }
            None => {}
        }
    }
    answer
}

/// Sends what no HTTP client would send, and waits for what the service says to that.
fn send_raw(url: &str, request: &Request) -> std::io::Result<Answer> {
    let mut stream = begin(url, request)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    parse(&bytes).ok_or_else(|| std::io::Error::other("no HTTP answer"))
}

/// Sends a request in the way that its delivery says.
fn begin(url: &str, request: &Request) -> std::io::Result<TcpStream> {
    let (address, base) = exchange::parts(url);
    let mut stream = TcpStream::connect(&address)?;
    stream.set_read_timeout(Some(exchange::PATIENCE))?;
    let mut bytes = format!("{} {base}{} HTTP/1.1\r\nHost: {address}\r\n", request.method, request.path);
    for (name, value) in &request.headers {
        bytes += &format!("{name}: {value}\r\n");
    }
    bytes += "Connection: close\r\n";
    let mut bytes = match request.delivery {
        Delivery::Chunked => bytes + "Transfer-Encoding: chunked\r\n\r\n",
        Delivery::Whole | Delivery::Half => {
            format!("{bytes}Content-Length: {}\r\n\r\n", request.body.len())
        }
    }
    .into_bytes();
    match request.delivery {
        Delivery::Whole => bytes.extend(&request.body),
        Delivery::Half => bytes.extend(&request.body[..request.body.len() / 2]),
        Delivery::Chunked => {
            for chunk in request.body.chunks(8192) {
                bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
        }
    }
    stream.write_all(&bytes)?;
    Ok(stream)
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers =
        lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.into(), value.into()));
    Some(Answer { status, headers: headers.collect(), body: bytes[end + 4..].to_vec() })
}

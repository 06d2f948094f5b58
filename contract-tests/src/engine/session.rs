//! A session with a store: sends requests, judges each response by its document, and records it in the ledger.

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
};

/// How much is asked of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// What any faithful implementation does.
    Common,
    /// Also what this store adds.
    Whole,
}

/// Sends requests to a store.
pub struct Session {
    /// Where the store is.
    pub deployment: Deployment,
    /// How much is asked of it.
    pub scope: Scope,
    /// What was seen.
    pub ledger: Arc<Mutex<Ledger>>,
    http: reqwest::blocking::Client,
}

/// Why a store did not pass.
#[derive(Clone, Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure that is no answer to a request.
    pub(crate) fn new(sentence: String) -> Self {
        Self(sentence)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Session {
    /// A session with `deployment`. A store that shows its documents is asked for the whole contract.
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
        Self { deployment, scope, ledger: Arc::default(), http: exchange::http_client() }
    }

    /// The same session, with what it sees written in `ledger`.
    pub fn writing_in(self, ledger: Arc<Mutex<Ledger>>) -> Self {
        Self { ledger, ..self }
    }

    /// A request to an operation, with the right token.
    pub fn request(&self, service: &str, method: &str, path: impl Into<String>) -> Request {
        Request::new(service, method, path).token(&self.deployment.service(service).token)
    }

    /// Sends `request` and judges the answer by the document.
    ///
    /// # Errors
    /// There is no answer, or it is not as documented.
    pub fn send(&self, request: &Request) -> Result<Answer, Failure> {
        let answer = self.exchange(request)?;
        let document = CONTRACT.document(&request.service);
        // HEAD is answered like GET (RFC 9110, section 9.3.2).
        let is_head = request.method == "HEAD";
        let method = if is_head { "GET" } else { &request.method };
        let Some(operation) = document.find(method, request.path_only()) else {
            return Ok(answer);
        };
        judge(operation, request, &answer, self.scope == Scope::Whole)
            .map_err(|expected| self.failure(request, &answer, &expected))?;
        if is_head {
            return Ok(answer);
        }
        let mut ledger = self.ledger.lock().expect("the ledger");
        ledger.record(operation, request, &answer);
        Ok(answer)
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

    /// What is to be said of an answer that is not `expected`.
    pub fn failure(&self, request: &Request, answer: &Answer, expected: &str) -> Failure {
        let curl = request.curl(&self.deployment.service(&request.service).url);
        Failure(format!(
            "expected:   {expected}\nrequest:    {request}\nanswer:     {answer}\nrepeat:     {curl}"
        ))
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
            Delivery::Whole => self.send_whole(url, request).map_err(|error| error.to_string()),
            Delivery::Chunked | Delivery::Half => send_raw(url, request).map_err(|error| error.to_string()),
        };
        let answer = answer.map(|answer| without_prefix(answer, split(url).1));
        answer.map_err(|error| {
            Failure(format!(
                "expected:   an answer\nrequest:    {request}\nanswer:     none ({error})\nrepeat:     {}",
                request.curl(url)
            ))
        })
    }

    fn send_whole(&self, url: &str, request: &Request) -> reqwest::Result<Answer> {
        let method = Method::from_bytes(request.method.as_bytes()).expect("a method");
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

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("(none)")
}

/// The address in the URL of a service, and the prefix that a proxy puts before every path.
fn split(url: &str) -> (&str, &str) {
    let rest = url.trim_start_matches("http://");
    rest.split_at(rest.find('/').unwrap_or(rest.len()))
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
        *value = match value.strip_prefix(&format!("{start}{prefix}/")) {
            Some(rest) => format!("{start}/{rest}"),
            None => format!("{value} (which is not below {prefix})"),
        };
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
    let (address, prefix) = split(url);
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut bytes = format!("{} {prefix}{} HTTP/1.1\r\nHost: {address}\r\n", request.method, request.path);
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

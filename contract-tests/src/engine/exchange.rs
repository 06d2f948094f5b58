//! Requests and responses, as they are sent, validated and printed.

use std::{fmt, io::ErrorKind, time::Duration};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{blocking::ClientBuilder, redirect};
use rustls::ClientConfig;
use serde_json::Value;

use crate::engine::tls;

/// What a path and a query need to escape (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How `text` is written in a path or a query.
pub fn escaped(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// How a value is written as a parameter: a text without its quotes.
pub fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// How `text` is written as one word of a shell.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The header that names a request, so that it can be repeated.
pub(crate) const KEY: &str = "Idempotency-Key";

/// The header that says how long the caller waits, in milliseconds.
pub(crate) const TIMEOUT: &str = "X-Request-Timeout-Ms";

/// The host with its port, and the path, of an address such as `http://127.0.0.1:5001/api`.
pub fn parts(url: &str) -> (String, &str) {
    let (rest, port) = match url.strip_prefix("https://") {
        Some(rest) => (rest, 443),
        None => (url.trim_start_matches("http://"), 80),
    };
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let has_port = host
        .rsplit(':')
        .next()
        .is_some_and(|port| !port.is_empty() && port.chars().all(|it| it.is_ascii_digit()));
    let is_whole = host.contains(':') && has_port;
    (if is_whole { host.to_owned() } else { format!("{host}:{port}") }, path.trim_end_matches('/'))
}

/// The timeout of a response.
pub const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);

/// A client that returns every response as it is, with this timeout.
///
/// # Panics
/// The system has no thread or no descriptor left.
pub fn http_client(timeout: Duration) -> reqwest::blocking::Client {
    built(builder(timeout))
}

/// The same with a connection of its own for each request.
pub(crate) fn unpooled_client(timeout: Duration) -> reqwest::blocking::Client {
    built(builder(timeout).pool_max_idle_per_host(0))
}

fn builder(timeout: Duration) -> ClientBuilder {
    tls::prepare();
    reqwest::blocking::Client::builder()
        .tls_backend_preconfigured(ClientConfig::clone(&tls::config()))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .timeout(timeout)
}

fn built(builder: ClientBuilder) -> reqwest::blocking::Client {
    builder.build().expect("an HTTP client")
}

/// Whether a connection ended before any response. A service may close one that is idle at the very moment that it is
/// used again (RFC 9112, section 9.3.1), so a second attempt tells whether it was that.
pub(crate) fn was_reset(error: &reqwest::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let is_io = io.is_some_and(|kind| matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe));
        if is_io || error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// A request to a service.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The service that is asked.
    pub service: String,
    /// In upper case.
    pub method: String,
    /// With the query.
    pub path: String,
    /// As they are sent; `Content-Length` and `Host` are added.
    pub headers: Vec<(String, String)>,
    /// Empty if there is none.
    pub body: Vec<u8>,
    /// How the body is sent.
    pub delivery: Delivery,
}

/// How a body is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Announced and at once.
    #[default]
    Whole,
    /// In chunks, without a length.
    Chunked,
    /// Announced, but only half of it ever comes.
    Half,
}

impl Request {
    /// A request without headers and body.
    pub fn new(service: &str, method: &str, path: impl Into<String>) -> Self {
        Self { service: service.into(), method: method.into(), path: path.into(), ..Self::default() }
    }

    /// With this header, in place of one of the same name.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.into(), value.into()));
        self
    }

    /// With this token.
    pub fn token(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// With this JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.raw_json(body.to_string())
    }

    /// With this body, which says that it is JSON.
    pub fn raw_json(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("Content-Type", "application/json")
    }

    /// The path without the query.
    pub fn path_only(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }
}

impl fmt::Display for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} of {}", self.method, self.path, self.service)?;
        for (name, value) in &self.headers {
            write!(formatter, "\n            {name}: {value}")?;
        }
        if !self.body.is_empty() {
            write!(formatter, "\n            {}", shortened(&self.body))?;
        }
        Ok(())
    }
}

/// A response of a service.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// As they came.
    pub headers: Vec<(String, String)>,
    /// Empty if there is none.
    pub body: Vec<u8>,
}

impl Response {
    /// Reads a whole response.
    ///
    /// # Errors
    /// It breaks off.
    pub fn from_response(response: reqwest::blocking::Response) -> reqwest::Result<Self> {
        let text =
            |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Ok(Self {
            status: response.status().as_u16(),
            headers: response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: response.bytes()?.to_vec(),
        })
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The response of a service at `url` with `Location` and `Link` as one without a prefix writes them. What does not begin with
    /// the prefix leads nowhere, which a comparison shows.
    pub(crate) fn without_prefix(mut self, url: &str) -> Self {
        let prefix = parts(url).1;
        for (name, value) in self.headers.iter_mut().filter(|_| !prefix.is_empty()) {
            // A `Link` may have several targets, each in angle brackets, and an absolute one is as good.
            let is_link = name.eq_ignore_ascii_case("Link");
            if !is_link && !name.eq_ignore_ascii_case("Location") {
                continue;
            }
            let mut leads_nowhere = false;
            let mut without = |target: &str| {
                let below = target.strip_prefix(url.trim_end_matches('/')).filter(|_| is_link);
                match below.or(target.strip_prefix(prefix)).filter(|rest| rest.starts_with('/')) {
                    Some(rest) => rest.to_owned(),
                    None => {
                        leads_nowhere |= target.starts_with('/');
                        target.to_owned()
                    }
                }
            };
            let targets = value.split('<').enumerate();
            let rest = targets.map(|(index, part)| match is_link && index == 0 {
                true => part.to_owned(),
                false => without(part),
            });
            *value = rest.collect::<Vec<_>>().join("<");
            if leads_nowhere {
                *value += &format!(" (which is not below {prefix})");
            }
        }
        self
    }

    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The exact text that the request was refused with: the `error`, or else what a problem (RFC 9457) or another convention
    /// has for one.
    pub fn error(&self) -> Option<String> {
        let body = self.json();
        let keys =
            if self.status < 400 { &["error"][..] } else { &["error", "title", "detail", "message"][..] };
        keys.iter().find_map(|key| body[*key].as_str()).map(ToOwned::to_owned)
    }

    /// The id in the response.
    pub fn id(&self) -> u64 {
        self.json()["id"].as_u64().unwrap_or_default()
    }
}

impl fmt::Display for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.status)?;
        for (name, value) in &self.headers {
            write!(formatter, "\n            {name}: {value}")?;
        }
        write!(formatter, "\n            {}", shortened(&self.body))
    }
}

fn shortened(body: &[u8]) -> String {
    const SHOWN: usize = 500;
    let text = String::from_utf8_lossy(body);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], body.len()),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_prefix(name: &str, value: &str) -> String {
        let headers = vec![(name.to_owned(), value.to_owned())];
        let response = Response { headers, ..Response::default() }.without_prefix("http://host:1/api");
        response.headers[0].1.clone()
    }

    #[test]
    fn a_prefix_goes_from_each_place_that_a_header_names() {
        for (name, value, without) in [
            ("Location", "/api/notes/1", "/notes/1"),
            ("Location", "/notes/1", "/notes/1 (which is not below /api)"),
            ("Location", "/apiary", "/apiary (which is not below /api)"),
            ("Location", "http://host:1/api/notes/1", "http://host:1/api/notes/1"),
            (
                "link",
                "</api/a?p=1>; rel=prev, </api/a?p=3>; rel=next",
                "</a?p=1>; rel=prev, </a?p=3>; rel=next",
            ),
            ("Link", "<http://host:1/api/a?p=3>; rel=next", "</a?p=3>; rel=next"),
            ("Link", "</a?p=3>; rel=next", "</a?p=3>; rel=next (which is not below /api)"),
            ("Link", "<?p=3>; rel=next", "<?p=3>; rel=next"),
            ("X-Other", "/api/notes/1", "/api/notes/1"),
        ] {
            assert_eq!(without_prefix(name, value), without, "{name}: {value}");
        }
    }
}

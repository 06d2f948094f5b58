//! A caller that writes HTTP by hand, well-formed or not.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

use crate::engine::{contract::CONTRACT, exchange::Response, raw, session::Session};

/// Within this time a response or the end of the connection arrives, on a slow machine too.
pub const SOON: Duration = Duration::from_secs(10);

/// The start of a request that creates something, for [`fill`].
pub const CREATE: &str = "POST /{service} HTTP/1.1\r\nAuthorization: Bearer {token}\r\n";

/// A caller that writes HTTP by hand.
pub struct Caller {
    /// Where it is connected to.
    pub stream: TcpStream,
    heard: Vec<u8>,
}

impl Caller {
    /// A caller that is connected to a service.
    ///
    /// # Panics
    /// The connection fails.
    pub fn connect(session: &Session, service: &str) -> Self {
        Self::at(&session.deployment.service(service).url).expect("a connection")
    }

    /// A caller that is connected to the service at `url`.
    ///
    /// # Errors
    /// The connection fails.
    pub fn at(url: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(url.trim_start_matches("http://"))?;
        stream.set_read_timeout(Some(SOON))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, heard: Vec::new() })
    }

    /// Sends bytes, even if the service has closed the connection.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Hears more, until `is_enough`. False if the connection ends before.
    fn hear(&mut self, is_enough: impl Fn(&[u8]) -> bool) -> bool {
        let mut more = [0; 16 * 1024];
        while !is_enough(&self.heard) {
            match self.stream.read(&mut more) {
                Ok(length) if length > 0 => self.heard.extend_from_slice(&more[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    panic!("neither response nor end")
                }
                _ => return false,
            }
        }
        true
    }

    /// The next response, if one comes before the connection ends.
    pub fn response(&mut self) -> Option<Response> {
        if !self.hear(|heard| raw::after(heard, b"\r\n\r\n").is_some()) {
            return None;
        }
        let (mut response, body) = raw::head(&self.heard).expect("HTTP");
        let length: Option<usize> =
            response.header("content-length").map(|length| length.parse().expect("HTTP"));
        let whole = |heard: &[u8]| match length {
            Some(length) => (heard.len() >= body + length).then_some(body + length),
            None if response.status == 204 => Some(body),
            None => raw::after(heard, b"\r\n0\r\n\r\n"),
        };
        assert!(self.hear(|heard| whole(heard).is_some()), "the response breaks off: {response}");
        let whole = whole(&self.heard).expect("HTTP");
        response.body = self.heard[body..whole].to_vec();
        self.heard.drain(..whole);
        Some(response)
    }

    /// Whether another request gets a response on the same connection.
    pub fn goes_on(&mut self) -> bool {
        self.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
        self.response().is_some_and(|response| response.status == 200)
    }
}

/// Fills the template of a request for one service: `{json}` are the last fields and the body of a valid create, `{chunks}` is that body in
/// chunks.
pub fn fill(text: &str, session: &Session, service: &str) -> String {
    let operations = &CONTRACT.document(service).operations;
    let create = operations.iter().find(|operation| operation.method == "POST").expect("HTTP");
    let body = create.example().expect("HTTP").to_string();
    let length = body.len();
    text.replace(
        "{json}",
        &format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"),
    )
    .replace("{chunks}", &format!("Content-Type: application/json\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"))
    .replace("{length}", &length.to_string())
    .replace("{body}", &body)
    .replace("{service}", service)
    .replace("{token}", &session.deployment.service(service).token)
}

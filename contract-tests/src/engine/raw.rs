//! HTTP by hand, for what no HTTP client would send.

use std::{
    io::{Read, Write},
    time::Duration,
};

use crate::engine::{
    connection::Connection,
    exchange::{self, Answer, Delivery, Request},
};

/// Sends what no HTTP client would send, and waits for what the service says to that.
pub(crate) fn send(url: &str, request: &Request, patience: Duration) -> std::io::Result<Answer> {
    let mut stream = begin(url, request)?;
    stream.socket().set_read_timeout(Some(patience))?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let (answer, body) = head(&bytes).ok_or_else(|| std::io::Error::other("no HTTP answer"))?;
    Ok(Answer { body: bytes[body..].to_vec(), ..answer })
}

/// Sends a request in the way that its delivery says.
pub(crate) fn begin(url: &str, request: &Request) -> std::io::Result<Connection> {
    let (address, base) = exchange::parts(url);
    let mut stream = Connection::open(url, exchange::PATIENCE)?;
    stream.socket().set_read_timeout(Some(exchange::PATIENCE))?;
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

/// The status and the headers that `bytes` begin with, and where the body begins. None if there is not all of them.
pub(crate) fn head(bytes: &[u8]) -> Option<(Answer, usize)> {
    let body = after(bytes, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..body]).into_owned();
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.into(), value.trim().into()));
    Some((Answer { status, headers: headers.collect(), body: Vec::new() }, body))
}

/// Where `bytes` go on after the first `mark`.
pub(crate) fn after(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    Some(bytes.windows(mark.len()).position(|at| at == mark)? + mark.len())
}

//! HTTP by hand, for what no HTTP client would send.

use std::{
    io::{Error, ErrorKind, Read, Result, Write},
    time::{Duration, Instant},
};

use crate::engine::{
    connection::Connection,
    exchange::{self, Delivery, Request, Response},
};

/// How much of a response is read.
const LIMIT: usize = 16 * 1024 * 1024;

/// Sends what no HTTP client would send, and waits so long for the whole of what the service says to that.
pub(crate) fn send(url: &str, request: &Request, timeout: Duration) -> Result<Response> {
    let deadline = Instant::now() + timeout;
    let (mut stream, bytes) = open(url, request)?;
    // A service may refuse a request, and hang up, before all of it was sent.
    let sent = stream.write_all(&bytes);
    receive(&mut stream, request.method == "HEAD", deadline).map_err(|error| sent.err().unwrap_or(error))
}

/// Sends a request in the way that its delivery says.
pub(crate) fn begin(url: &str, request: &Request) -> Result<Connection> {
    let (mut stream, bytes) = open(url, request)?;
    stream.write_all(&bytes)?;
    Ok(stream)
}

/// A connection, and what is to be sent on it.
fn open(url: &str, request: &Request) -> Result<(Connection, Vec<u8>)> {
    let (address, base) = exchange::parts(url);
    let stream = Connection::open(url, exchange::RESPONSE_TIMEOUT)?;
    stream.socket().set_read_timeout(Some(exchange::RESPONSE_TIMEOUT))?;
    stream.socket().set_write_timeout(Some(exchange::RESPONSE_TIMEOUT))?;
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
    Ok((stream, bytes))
}

/// Reads a response as far as it goes, and not what becomes of the connection afterwards.
fn receive(stream: &mut Connection, is_head: bool, deadline: Instant) -> Result<Response> {
    let (mut bytes, mut part) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::new(ErrorKind::TimedOut, "no whole response in time"));
        }
        stream.socket().set_read_timeout(Some(left))?;
        let length = match stream.read(&mut part) {
            // What has no length goes on until the connection ends.
            Ok(0) => {
                let broken = || Error::new(ErrorKind::UnexpectedEof, "the response breaks off");
                return response(&bytes, is_head, true)?.ok_or_else(broken);
            }
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        bytes.extend_from_slice(&part[..length]);
        if let Some(response) = response(&bytes, is_head, false)? {
            return Ok(response);
        }
        if bytes.len() > LIMIT {
            return Err(Error::other(format!("a response of more than {LIMIT} bytes")));
        }
    }
}

/// The response that `bytes` begin with (RFC 9112, section 6.3). None if there is not all of it.
fn response(mut bytes: &[u8], is_head: bool, has_ended: bool) -> Result<Option<Response>> {
    let (response, body) = loop {
        if after(bytes, b"\r\n\r\n").is_none() {
            return Ok(None);
        }
        let (response, body) = head(bytes).ok_or_else(|| Error::other("no HTTP response"))?;
        bytes = &bytes[body..];
        // What is only said meanwhile, such as 100, comes before the response.
        if response.status >= 200 {
            break (response, bytes);
        }
    };
    let length = response.header("Content-Length").and_then(|length| length.parse().ok());
    let is_chunked =
        response.header("Transfer-Encoding").is_some_and(|it| it.eq_ignore_ascii_case("chunked"));
    let body = match length {
        _ if is_head || matches!(response.status, 204 | 304) => Some(Vec::new()),
        _ if is_chunked => of_chunks(body)?,
        Some(length) => body.get(..length).map(<[u8]>::to_vec),
        None => has_ended.then(|| body.to_vec()),
    };
    Ok(body.map(|body| Response { body, ..response }))
}

/// What chunks hold (RFC 9112, section 7.1). None if the last of them, or the end of the trailers, is not there.
fn of_chunks(mut bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    loop {
        let Some(line) = after(bytes, b"\r\n") else { return Ok(None) };
        let size = String::from_utf8_lossy(&bytes[..line]).into_owned();
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)
            .ok()
            .filter(|size| *size <= LIMIT)
            .ok_or_else(|| Error::other(format!("no size of a chunk: {}", size.trim())))?;
        if size == 0 {
            // The last line is empty, with or without trailers before it.
            return Ok(after(&bytes[line - 2..], b"\r\n\r\n").map(|_| body));
        }
        let Some(chunk) = bytes.get(line..line + size) else { return Ok(None) };
        body.extend_from_slice(chunk);
        let Some(rest) = bytes.get(line + size + 2..) else { return Ok(None) };
        bytes = rest;
    }
}

/// The status and the headers that `bytes` begin with, and where the body begins. None if there is not all of them.
pub(crate) fn head(bytes: &[u8]) -> Option<(Response, usize)> {
    let body = after(bytes, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..body]).into_owned();
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.into(), value.trim().into()));
    Some((Response { status, headers: headers.collect(), body: Vec::new() }, body))
}

/// Where `bytes` go on after the first `mark`.
pub(crate) fn after(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    Some(bytes.windows(mark.len()).position(|at| at == mark)? + mark.len())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// What is read of a service that says `bytes` as soon as something of a request is there, and hangs up without reading it,
    /// which resets the connection.
    fn received(bytes: &'static [u8], delivery: Delivery) -> Result<Response> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.peek(&mut [0]).unwrap();
            stream.write_all(bytes).unwrap();
        });
        let request = Request { body: vec![b'x'; 1_000_000], delivery, ..Request::new("", "POST", "/") };
        let result = send(&url, &request, exchange::RESPONSE_TIMEOUT);
        service.join().unwrap();
        result
    }

    #[test]
    fn an_early_response_is_read_although_the_connection_is_reset() {
        for delivery in [Delivery::Half, Delivery::Chunked] {
            let response = received(
                b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 Too much\r\ncontent-length: 4\r\n\r\nmuch",
                delivery,
            );
            let response = response.unwrap();
            assert_eq!((response.status, &*response.body), (413, &b"much"[..]));
        }
    }

    #[test]
    fn chunks_are_put_together() {
        let text = b"HTTP/1.1 408 Late\r\nTransfer-Encoding: Chunked\r\n\r\n3;a=b\r\nToo\r\nA\r\n late\r\n\r\n.\r\n0\r\nT: 1\r\n\r\n";
        let response = received(text, Delivery::Half).unwrap();
        assert_eq!((response.status, &*response.body), (408, &b"Too late\r\n\r\n."[..]));
        // Each beginning of it is known to be no more than that.
        for end in 0..text.len() {
            assert!(super::response(&text[..end], false, false).unwrap().is_none(), "{end}");
        }
    }

    #[test]
    fn an_incomplete_response_is_an_error() {
        for text in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfour"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nfour",
            b"HTTP/1.1 200 OK\r\n",
            b"",
        ] {
            assert!(response(text, false, true).unwrap().is_none());
        }
        assert!(response(b"HTTP/1.1 200 OK\r\n\r\nfour", false, true).unwrap().is_some());
        assert!(response(b"HTTP/1.1 204 OK\r\n\r\n", false, false).unwrap().is_some());
        assert!(response(b"220 ready\r\n\r\n", false, true).is_err());
    }
}

//! Ambiguous heads, which are rejected: a proxy and the service could read different requests (RFC 9112, sections 3.2, 6.1 and
//! 11).

use std::net::Ipv6Addr;

use poem::http::{HeaderName, Version, header};

use crate::{
    api::idempotency,
    wire::{
        header::{Single, single},
        timeout,
    },
};

/// Header fields that must not have different values. hyper checks `Content-Length`, and `Authorization` leads to 401 instead.
static SINGLE: [HeaderName; 3] = [header::CONTENT_TYPE, idempotency::HEADER, timeout::HEADER];

/// What is ambiguous in the head of a request, for the log.
pub(super) fn ambiguity<B>(request: &hyper::Request<B>) -> Option<&'static str> {
    let headers = request.headers();
    let mut hosts = headers.get_all(header::HOST).iter();
    let has_host = match (hosts.next(), hosts.next()) {
        (None, _) => request.version() < Version::HTTP_11,
        (Some(host), None) => is_host(host.as_bytes()),
        (Some(_), Some(_)) => false,
    };
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let is_framed = match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    };
    match (has_host, is_framed) {
        (false, _) => Some("Host is missing, repeated or malformed"),
        (_, false) => Some("Transfer-Encoding is not chunked, once"),
        _ => SINGLE
            .iter()
            .any(|name| single(headers, name) == Single::Contradictory)
            .then_some("a header that must be unique has several values"),
    }
}

/// Whether `host` is `uri-host [ ":" port ]` (RFC 9110, section 7.2), with a non-empty host.
fn is_host(host: &[u8]) -> bool {
    let (is_name, port) = match host.strip_prefix(b"[") {
        Some(literal) => {
            let Some(end) = literal.iter().position(|byte| *byte == b']') else { return false };
            let address = str::from_utf8(&literal[..end]).ok().and_then(|text| text.parse::<Ipv6Addr>().ok());
            (address.is_some(), &literal[end + 1..])
        }
        None => {
            let end = host.iter().position(|byte| *byte == b':').unwrap_or(host.len());
            (is_registered_name(&host[..end]), &host[end..])
        }
    };
    is_name && is_port(port)
}

/// Empty, or a colon and an optional number (RFC 3986, section 3.2.3).
fn is_port(text: &[u8]) -> bool {
    match text {
        [] | [b':'] => true,
        [b':', digits @ ..] => {
            let is_number = digits.iter().all(u8::is_ascii_digit);
            is_number && str::from_utf8(digits).is_ok_and(|digits| digits.parse::<u16>().is_ok())
        }
        _ => false,
    }
}

/// A name or an IPv4 address (RFC 3986, section 3.2.2).
fn is_registered_name(mut name: &[u8]) -> bool {
    if name.is_empty() {
        return false;
    }
    while let [byte, rest @ ..] = name {
        name = match (byte, rest) {
            (b'%', [high, low, rest @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest,
            (byte, rest) if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(byte) => rest,
            _ => return false,
        };
    }
    true
}

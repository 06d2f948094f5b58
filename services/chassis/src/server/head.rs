//! Heads that could be read in more than one way, which are refused: whoever forwards such a request, and whoever answers it,
//! may take it for different ones (RFC 9112, sections 3.2, 6.1 and 11).

use std::net::Ipv6Addr;

use poem::http::{HeaderName, Version, header};

use crate::{
    api::idempotency,
    wire::{
        header::{Single, single},
        timeout,
    },
};

/// The fields that may be there once. Several that are the same are one. hyper judges `Content-Length`, and `Authorization`
/// has an answer of its own.
static SINGLE: [HeaderName; 3] = [header::CONTENT_TYPE, idempotency::HEADER, timeout::HEADER];

/// What is ambiguous in the head of a request, for the log.
pub(super) fn flaw<B>(request: &hyper::Request<B>) -> Option<&'static str> {
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
        (false, _) => Some("not one well-formed Host"),
        (_, false) => Some("a Transfer-Encoding other than chunked, once"),
        _ => SINGLE
            .iter()
            .any(|name| single(headers, name) == Single::Contradictory)
            .then_some("several values of a header that may be there once"),
    }
}

/// Whether `host` is `uri-host [ ":" port ]` (RFC 9110, section 7.2), with a host that is not empty.
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

/// Nothing, or a colon and a number, which may be left out (RFC 3986, section 3.2.3).
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

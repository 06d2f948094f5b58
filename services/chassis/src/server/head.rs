//! Rejects ambiguous heads, which a proxy and the service could read as different requests (RFC 9112, sections 3.2, 6.1 and 11).

use poem::http::{HeaderName, Version, header};

use crate::{
    api::idempotency,
    wire::{
        header::{Single, single},
        timeout,
        uri::is_host,
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

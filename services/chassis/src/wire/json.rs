//! JSON responses.

use std::io;

use poem::{
    Body, Response,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// The media type of every JSON body, in the document and on the wire. It has no parameters (RFC 8259, section 11).
pub const CONTENT_TYPE: &str = "application/json";

/// A capacity that is enough for most bodies, in bytes.
const USUAL_SIZE: usize = 256;

/// How many headers a response has at most, as a rule.
const HEADERS: usize = 10;

/// A response with `body` as JSON.
pub(crate) fn response(status: StatusCode, body: &impl Serialize) -> Response {
    bytes_response(status, to_vec(body).into())
}

/// `value` as JSON.
pub(crate) fn to_vec(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(USUAL_SIZE);
    append(&mut bytes, value);
    bytes
}

/// Appends `value` as JSON.
#[expect(
    clippy::expect_used,
    reason = "bodies are structs of values, which leave out what is None; only null and keys that are not text fail"
)]
pub(crate) fn append(bytes: &mut Vec<u8>, value: &impl Serialize) {
    let mut serializer = Serializer::with_formatter(bytes, WithoutNull);
    value.serialize(&mut serializer).expect("a body can be written as JSON without null");
}

/// Compact JSON, in which `null` is an error: no schema of a response allows it.
struct WithoutNull;

impl Formatter for WithoutNull {
    fn write_null<W: io::Write + ?Sized>(&mut self, _writer: &mut W) -> io::Result<()> {
        Err(io::Error::other("null, which the document does not allow: skip a field that is None"))
    }
}

/// A response with a body that is already JSON.
pub(crate) fn bytes_response(status: StatusCode, body: Body) -> Response {
    let mut response = Response::from((status, body));
    // An empty map has room for six headers once it has one, and a response has up to ten.
    *response.headers_mut() = HeaderMap::with_capacity(HEADERS);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Body {
        #[serde(skip_serializing_if = "Option::is_none")]
        skipped: Option<u8>,
        written: Option<f64>,
    }

    #[test]
    fn a_field_that_is_none_is_left_out() {
        assert_eq!(to_vec(&Body { skipped: None, written: Some(0.5) }), br#"{"written":0.5}"#);
    }

    #[test]
    #[should_panic(expected = "null, which the document does not allow")]
    fn null_is_never_written() {
        to_vec(&Body { skipped: Some(1), written: None });
    }
}

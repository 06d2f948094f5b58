//! JSON responses.

use poem::{
    Body, Response,
    http::{HeaderValue, StatusCode, header},
};
use serde::Serialize;

/// The media type of every JSON body, in the document and on the wire. It has no parameters (RFC 8259, section 11).
pub const CONTENT_TYPE: &str = "application/json";

/// The capacity that fits most bodies, in bytes.
const USUAL_SIZE: usize = 256;

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
    reason = "bodies are structs of values; only maps with keys that are not text fail"
)]
pub(crate) fn append(bytes: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(bytes, value).expect("a body can be written as JSON");
}

/// A response with a body that is JSON already.
pub(crate) fn bytes_response(status: StatusCode, body: Body) -> Response {
    let mut response = Response::from((status, body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    response
}

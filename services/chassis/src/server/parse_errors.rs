//! hyper's own responses to bytes that it cannot parse as a request. They have no body; this module adds the one that every error
//! has.

use poem::http::StatusCode;

use crate::{error::MALFORMED_REQUEST, wire::json};

/// A header of the service's own responses.
const OURS: &[u8] = b"\r\nx-request-id: ";

/// The header that this module replaces.
const NO_BODY: &[u8] = b"\r\ncontent-length: 0\r\n";

/// The status of hyper's response in `bytes`, and the same response with a body. None if it is not hyper's own. hyper takes an
/// unfinished request line for header fields that are too large. The response also has `more_fields`.
pub(super) fn with_body(
    bytes: &[u8],
    has_line: bool,
    more_fields: impl FnOnce() -> Vec<u8>,
) -> Option<(StatusCode, Vec<u8>)> {
    let is_bare =
        bytes.starts_with(b"HTTP/1.1 4") && bytes.ends_with(b"\r\n\r\n") && find(bytes, OURS).is_none();
    if !is_bare {
        return None;
    }
    let status = StatusCode::from_bytes(bytes.get(9..12)?).ok()?;
    let (status, text) = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE if has_line => {
            (status, "Request header fields too large")
        }
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE | StatusCode::URI_TOO_LONG => {
            (StatusCode::URI_TOO_LONG, "URI too long")
        }
        _ => (status, MALFORMED_REQUEST.text),
    };
    let line = find(bytes, b"\r\n")?;
    let at = find(bytes, NO_BODY)?;
    let start = format!("HTTP/1.1 {status}");
    let body = format!(r#"{{"error":"{}"}}"#, text);
    let fields = format!(
        "\r\ncontent-type: {}\r\ncontent-length: {}\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n",
        json::CONTENT_TYPE,
        body.len()
    );
    let rest = &bytes[at + NO_BODY.len()..];
    Some((
        status,
        [start.as_bytes(), &bytes[line..at], fields.as_bytes(), &more_fields(), rest, body.as_bytes()]
            .concat(),
    ))
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|at| at == part)
}

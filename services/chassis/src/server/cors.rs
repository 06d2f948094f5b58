//! Pages of other origins (<https://fetch.spec.whatwg.org/#http-cors-protocol>). The document is open to all of them, everything
//! else to those in `CORS_ORIGINS`.
//!
//! tower-http's layer treats every OPTIONS request as a preflight, poem's responds with 403 to other origins, and neither sees
//! requests that are refused before an operation is called. Credentials are not allowed, since a page sets the header with the
//! token itself.

use poem::http::{HeaderMap, HeaderValue, Method, header};

use crate::{
    settings::CorsOrigins,
    wire::header::{Single, single},
};

/// The methods that a page may use anywhere: it can read a 405 as any other caller can.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");

/// The headers that a page may send. `*` would not include `Authorization`.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, baggage, content-type, idempotency-key, if-match, if-none-match, prefer, traceparent, \
     tracestate, x-request-id, x-request-timeout-ms",
);

/// The headers that a page may read, in addition to those that it always may.
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "allow, etag, idempotency-replayed, link, location, preference-applied, retry-after, www-authenticate, x-request-id",
);

/// How long a browser may reuse the response to a preflight, in seconds: no browser does for longer than a day, Chromium for two
/// hours.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

const ANY: HeaderValue = HeaderValue::from_static("*");

/// The origins whose pages may call; none, if it is off.
pub(super) struct Cors(Option<CorsOrigins>);

/// The CORS headers of a response.
#[derive(Debug, PartialEq)]
pub(super) enum Grant {
    /// Nothing: no page of any origin may read it.
    None,
    /// Pages of every origin may read it.
    Any,
    /// Pages of this origin may read it.
    Origin(HeaderValue),
    /// The page that asks may not read it; pages of other origins may.
    Refused,
}

impl Cors {
    pub(super) fn new(origins: Option<CorsOrigins>) -> Self {
        Self(origins)
    }

    /// The grant for a request with these headers, which asks for the document or for something else.
    pub(super) fn grant(&self, is_for_document: bool, headers: &HeaderMap) -> Grant {
        match &self.0 {
            _ if is_for_document => Grant::Any,
            None => Grant::None,
            Some(CorsOrigins::Any) => Grant::Any,
            Some(CorsOrigins::Listed(origins)) => match single(headers, &header::ORIGIN) {
                Single::Value(origin) if origins.iter().any(|known| origin == known) => {
                    Grant::Origin(origin.clone())
                }
                _ => Grant::Refused,
            },
        }
    }

    /// Whether the grant depends on the head of a request.
    pub(super) fn reads_origin(&self) -> bool {
        matches!(self.0, Some(CorsOrigins::Listed(_)))
    }

    /// The header fields, as they are sent, of a response to a head that cannot be parsed, or of which this part has arrived.
    pub(super) fn fields(&self, head: &[u8]) -> Vec<u8> {
        let mut request = HeaderMap::new();
        let lines = head.split(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\r"));
        for line in lines.filter_map(|line| line.split_at_checked(header::ORIGIN.as_str().len())) {
            if let (name, [b':', value @ .., b'\r']) = line
                && name.eq_ignore_ascii_case(header::ORIGIN.as_str().as_bytes())
                && let Ok(value) = HeaderValue::from_bytes(value.trim_ascii())
            {
                request.append(header::ORIGIN, value);
            }
        }
        let mut response = HeaderMap::new();
        self.grant(false, &request).write(false, &mut response);
        let field = |(name, value): (_, &HeaderValue)| {
            [AsRef::<[u8]>::as_ref(name), b": ", value.as_bytes(), b"\r\n"].concat()
        };
        response.iter().flat_map(field).collect()
    }
}

impl Grant {
    /// Whether a preflight is granted, so that its response is not that of the path.
    pub(super) fn allows(&self) -> bool {
        matches!(self, Self::Any | Self::Origin(_))
    }

    /// Adds what the browser has to know to the headers of a response.
    pub(super) fn write(self, is_preflight: bool, headers: &mut HeaderMap) {
        let origin = match self {
            Self::None => return,
            Self::Any => ANY,
            Self::Origin(_) | Self::Refused => {
                headers.append(header::VARY, HeaderValue::from_static("Origin"));
                let Self::Origin(origin) = self else { return };
                origin
            }
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if is_preflight {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        } else {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
        }
    }
}

/// Whether a browser asks if a page may send another request.
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_is_found_in_a_head_that_cannot_be_parsed() {
        let listed = vec!["http://a.example".to_owned(), "http://b.example".to_owned()];
        let fields = |head: &str| {
            let cors = Cors::new(Some(CorsOrigins::Listed(listed.clone())));
            String::from_utf8(cors.fields(head.as_bytes())).unwrap()
        };
        let granted = |head: &str| fields(head).contains("access-control-allow-origin: http://a.example\r\n");
        assert!(granted("GET / HTTP/1.1\r\nOrigin: http://a.example\r\nbad\r\n\r\n"));
        assert!(granted("GET / HTTP/1.1\r\noRIGIN:http://a.example \r\nHo"));
        for head in [
            "",
            "GET / HTTP/1.1\r\nOrigin: http://a.example",
            "GET / HTTP/1.1\r\nOrigin: http://c.example\r\n",
            "GET / HTTP/1.1\r\nX-Origin: http://a.example\r\n",
            "GET / HTTP/1.1\r\nOrigin: http://a.example\r\nOrigin: http://b.example\r\n",
        ] {
            assert_eq!(fields(head), "vary: Origin\r\n", "{head}");
        }
        assert_eq!(Cors::new(None).fields(b"Origin: http://a.example\r\n"), b"");
        assert!(
            Cors::new(Some(CorsOrigins::Any)).fields(b"").starts_with(b"access-control-allow-origin: *\r\n")
        );
    }
}

//! Resources whose paths the caller chose, so that a request can be sent again without making a second one.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use poem::{IntoResponse, Response, http::StatusCode};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponses, Registry},
    types::Type,
};
use serde::Serialize;

use super::{
    json::Json,
    responses::{Created, describe_location},
};
use crate::wire::describe;

/// A resource whose path the caller chose: a 201 with its path if this request made it, a 200 if it was there already.
#[derive(Debug)]
pub enum Put<T> {
    /// It was made.
    Made(Created<T>),
    /// It was there already.
    Found(Json<T>),
}

impl<T: Serialize + Send> IntoResponse for Put<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Made(created) => created.into_response(),
            Self::Found(found) => found.into_response(),
        }
    }
}

impl<T: Type> ApiResponse for Put<T> {
    fn meta() -> MetaResponses {
        let found = describe::response(
            StatusCode::OK,
            "It was made by an earlier request.",
            describe::content::<T>(),
            Vec::new(),
        );
        let made = describe::response(
            StatusCode::CREATED,
            "It is made.",
            describe::content::<T>(),
            vec![describe_location()],
        );
        MetaResponses { responses: found.responses.into_iter().chain(made.responses).collect() }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// A path of segments, each encoded where it has to be (RFC 3986, section 2.3).
pub fn path_of<'a>(segments: impl IntoIterator<Item = &'a str>) -> String {
    segments.into_iter().map(|segment| format!("/{}", utf8_percent_encode(segment, RESERVED))).collect()
}

/// Everything but the unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_its_segments_encoded() {
        assert_eq!(path_of(["things", "a/b c~1"]), "/things/a%2Fb%20c~1");
    }
}

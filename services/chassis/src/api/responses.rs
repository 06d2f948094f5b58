//! Successful responses: created resources, and lists of any length.

use std::marker::PhantomData;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream::BoxStream};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use poem::{
    Body, IntoResponse, Response,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaHeader, MetaResponses, MetaSchema, Registry},
    types::Type,
};
use serde::Serialize;

use super::conditional::EntityTag;
use crate::{
    error::ApiError,
    wire::{describe, json},
};

/// A 201 with the created `T` as JSON, and the path where it can be read; if it is `TAGGED`, also with its entity tag.
#[derive(Debug)]
pub struct Created<T, const TAGGED: bool = false> {
    json: Vec<u8>,
    location: String,
    is_replayed: bool,
    created: PhantomData<T>,
}

/// Marks a replayed response. The name is Stripe's; the draft of the Idempotency-Key header defines none.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

impl<T, const TAGGED: bool> Created<T, TAGGED> {
    /// A response with the created resource and its path.
    pub fn new(body: &T, location: String) -> Self
    where
        T: Serialize,
    {
        Self { json: json::to_vec(body), location, is_replayed: false, created: PhantomData }
    }

    /// A stored response, sent again: its path and its body.
    pub(crate) fn replayed((location, json): (String, Vec<u8>)) -> Self {
        Self { json, location, is_replayed: true, created: PhantomData }
    }

    /// The parts that must be stored to send the response again.
    pub(crate) fn stored(&self) -> (&str, &[u8]) {
        (&self.location, &self.json)
    }
}

impl<T: Send, const TAGGED: bool> IntoResponse for Created<T, TAGGED> {
    #[expect(
        clippy::expect_used,
        reason = "only control characters are not allowed in a header, and a path has none"
    )]
    fn into_response(self) -> Response {
        // It follows from the body, so that a stored response has it, too.
        let tag = TAGGED.then(|| EntityTag::of_json(&self.json));
        let mut response = json::bytes_response(StatusCode::CREATED, self.json.into());
        let location = HeaderValue::try_from(self.location).expect("a path without control characters");
        response.headers_mut().insert(header::LOCATION, location);
        if let Some(tag) = tag {
            response.headers_mut().insert(header::ETAG, tag.into_header());
        }
        if self.is_replayed {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

impl<T: Type, const TAGGED: bool> ApiResponse for Created<T, TAGGED> {
    fn meta() -> MetaResponses {
        let replayed = describe::header(
            "Idempotency-Replayed",
            "`true` if this is the stored response to an earlier request with the same `Idempotency-Key`.",
            false,
            MetaSchema { enum_items: vec!["true".into()], ..MetaSchema::new("string") },
        );
        let headers = [describe_location(), replayed].into_iter().chain(TAGGED.then(EntityTag::describe));
        describe::response(
            StatusCode::CREATED,
            "The created resource.",
            describe::content::<T>(),
            headers.collect(),
        )
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

pub(super) fn describe_location() -> MetaHeader {
    describe::header(
        "Location",
        "The path of the created resource (RFC 9110, section 10.2.2).",
        true,
        MetaSchema::new("string"),
    )
}

/// A 204: the request succeeded, and the response has no body.
#[derive(Clone, Copy, Debug)]
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        Response::builder().status(StatusCode::NO_CONTENT).finish()
    }
}

impl ApiResponse for NoContent {
    fn meta() -> MetaResponses {
        describe::response(StatusCode::NO_CONTENT, "The request succeeded.", Vec::new(), Vec::new())
    }

    fn register(_registry: &mut Registry) {}
}

/// A 200 with a list: one page of it with the path of the next, or all of it.
pub enum List<T> {
    /// Some of the list.
    Page {
        /// The items of this page.
        items: Vec<T>,
        /// The path of the next page, if more follow.
        next: Option<String>,
    },
    /// The whole list, in chunks, so that it is never in memory as a whole.
    Whole(BoxStream<'static, Result<Chunk<T>, ApiError>>),
}

/// The path of the next page of a list: the path of the list, with this query.
pub fn next_page<'a>(path: &str, query: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    format!("{path}?{query}")
}

/// A path of segments, each encoded where it has to be (RFC 3986, section 2.3).
pub fn path_of<'a>(segments: impl IntoIterator<Item = &'a str>) -> String {
    segments.into_iter().map(|segment| format!("/{}", utf8_percent_encode(segment, RESERVED))).collect()
}

/// Everything but the unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Some items of a list, serialized.
pub struct Chunk<T> {
    json: Vec<u8>,
    items: PhantomData<T>,
}

impl<T> Default for Chunk<T> {
    fn default() -> Self {
        Self { json: Vec::new(), items: PhantomData }
    }
}

impl<T: Serialize> Chunk<T> {
    /// Adds an item to the end.
    pub fn push(&mut self, item: &T) {
        if !self.json.is_empty() {
            self.json.push(b',');
        }
        json::append(&mut self.json, item);
    }
}

impl<T: Serialize + Send + 'static> IntoResponse for List<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Page { items, next } => {
                let mut response = json::response(StatusCode::OK, &items);
                let link = next.map(|path| HeaderValue::try_from(format!("<{path}>; rel=\"next\"")));
                if let Some(Ok(link)) = link {
                    response.headers_mut().insert(header::LINK, link);
                }
                response
            }
            Self::Whole(chunks) => json::bytes_response(
                StatusCode::OK,
                Body::from_bytes_stream::<_, Bytes, std::io::Error>(array(chunks)),
            ),
        }
    }
}

/// One JSON array from the chunks of a list. A failure aborts the response, so that no caller takes a part for the whole.
fn array<T>(
    chunks: impl Stream<Item = Result<Chunk<T>, ApiError>>,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    let bracket = |text: &'static str| futures_util::stream::once(async { Ok(text.into()) });
    let mut is_first = true;
    let items = chunks.map(move |chunk| {
        let mut json = chunk.map_err(|error| std::io::Error::other(error.into_cause()))?.json;
        // Rows may have been deleted since their chunk was planned.
        if !json.is_empty() && !std::mem::take(&mut is_first) {
            json.insert(0, b',');
        }
        Ok(json.into())
    });
    bracket("[").chain(items).chain(bracket("]"))
}

impl<T: Type> ApiResponse for List<T> {
    fn meta() -> MetaResponses {
        let link = describe::header(
            "Link",
            "The path of the next page, with `rel=\"next\"`, if there is one (RFC 8288).",
            false,
            MetaSchema::new("string"),
        );
        describe::response(
            StatusCode::OK,
            "The list, sorted by ascending id.",
            describe::content::<Vec<T>>(),
            vec![link],
        )
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn chunks_make_one_array_even_if_some_are_empty() {
        let chunk = |items: &[u64]| {
            let mut chunk = Chunk::default();
            items.iter().for_each(|item| chunk.push(item));
            Ok(chunk)
        };
        for (chunks, expected) in [
            (vec![], "[]"),
            (vec![chunk(&[])], "[]"),
            (vec![chunk(&[1, 2]), chunk(&[3])], "[1,2,3]"),
            (vec![chunk(&[]), chunk(&[1]), chunk(&[]), chunk(&[2])], "[1,2]"),
        ] {
            let written: Vec<Bytes> = array(stream::iter(chunks)).map(Result::unwrap).collect().await;
            assert_eq!(written.concat(), expected.as_bytes());
        }
    }

    #[test]
    fn the_query_of_the_next_page_is_encoded() {
        assert_eq!(next_page("/things", [("limit", "1"), ("name", "a&b c")]), "/things?limit=1&name=a%26b+c");
    }
}

//! Conditional requests (RFC 9110, section 13): strong entity tags, `If-Match` and `If-None-Match`.
//!
//! A tag is a hash of the resource's JSON. So it needs no column, every instance of a service computes the same tag, and after a
//! restore from a backup, no other content can have a tag that a caller knows. Equal content always has the same tag.

use std::marker::PhantomData;

use poem::{
    IntoResponse, Request, RequestBody, Response,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions,
    registry::{MetaHeader, MetaParamIn, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
    types::Type,
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    error::ErrorMessage,
    wire::{describe, json},
};

/// The resource is another than the one that `If-Match` names.
pub const PRECONDITION_FAILED: ErrorMessage =
    ErrorMessage::new(StatusCode::PRECONDITION_FAILED, "Precondition failed");

/// How many bytes of the hash are in a tag: enough that no two contents ever share one.
const TAG_BYTES: usize = 16;

const HEXADECIMAL: &[u8; 16] = b"0123456789abcdef";

/// The strong entity tag of a resource (RFC 9110, section 8.8.3): 32 hexadecimal digits in quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTag(HeaderValue);

impl EntityTag {
    /// The tag of `resource`, whose JSON a response has.
    pub fn of(resource: &impl Serialize) -> Self {
        Self::of_json(&json::to_vec(resource))
    }

    #[expect(clippy::expect_used, reason = "digits and quotes are allowed in a header")]
    pub(crate) fn of_json(json: &[u8]) -> Self {
        let mut tag = [b'"'; 2 * TAG_BYTES + 2];
        for (byte, digits) in Sha256::digest(json).iter().zip(tag[1..=2 * TAG_BYTES].chunks_exact_mut(2)) {
            digits
                .copy_from_slice(&[HEXADECIMAL[usize::from(byte >> 4)], HEXADECIMAL[usize::from(byte & 15)]]);
        }
        Self(HeaderValue::from_bytes(&tag).expect("a header of digits and quotes"))
    }

    pub(crate) fn into_header(self) -> HeaderValue {
        self.0
    }

    pub(crate) fn describe() -> MetaHeader {
        describe::header(
            "ETag",
            "The entity tag of this content, which changes whenever the content does (RFC 9110, section 8.8.3).",
            true,
            MetaSchema::new("string"),
        )
    }
}

/// The tags in a conditional header. None if it was not sent.
#[derive(Debug)]
struct Tags(Option<Vec<HeaderValue>>);

impl Tags {
    fn read(headers: &HeaderMap, name: &HeaderName) -> Self {
        let values = headers.get_all(name);
        let is_sent = values.iter().next().is_some();
        Self(is_sent.then(|| values.iter().cloned().collect()))
    }

    /// Whether a tag satisfies `is_tag`, or `*` was sent. None if the header was not sent.
    ///
    /// Commas may be part of a tag, but not of one of ours, so that what they separate is a whole tag or none of ours.
    fn any(&self, is_tag: impl Fn(&[u8]) -> bool) -> Option<bool> {
        let values = self.0.as_ref()?;
        if let [only] = values.as_slice()
            && only.as_bytes().trim_ascii() == b"*"
        {
            return Some(true);
        }
        let mut tags = values.iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        Some(tags.any(|tag| is_tag(tag.trim_ascii())))
    }
}

/// `If-Match`: the request is for a resource with one of these tags only.
#[derive(Debug)]
pub struct IfMatch(Tags);

impl IfMatch {
    /// Whether the header was sent.
    pub fn is_sent(&self) -> bool {
        self.0.0.is_some()
    }

    /// Whether the request is for the resource with this tag. A weak tag never matches (RFC 9110, section 13.1.1).
    pub fn admits(&self, tag: &EntityTag) -> bool {
        self.0.any(|sent| sent == tag.0.as_bytes()) != Some(false)
    }
}

/// `If-None-Match`: the caller has the resource with one of these tags.
#[derive(Debug)]
pub struct IfNoneMatch(Tags);

impl IfNoneMatch {
    /// `resource`, unless the caller has it. A weak tag matches as well (RFC 9110, section 13.1.2).
    pub fn unless_known<T>(&self, resource: Tagged<T>) -> IfChanged<T> {
        let tag = resource.tag.0.as_bytes();
        match self.0.any(|sent| sent.strip_prefix(b"W/").unwrap_or(sent) == tag) {
            Some(true) => IfChanged::NotModified(resource.tag),
            _ => IfChanged::Changed(resource),
        }
    }
}

macro_rules! impl_extractor {
    ($name:ident, $header:expr) => {
        impl<'a> ApiExtractor<'a> for $name {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
            type ParamType = ();
            type ParamRawType = ();

            fn param_in() -> Option<MetaParamIn> {
                Some(MetaParamIn::Header)
            }

            fn param_schema_ref() -> Option<MetaSchemaRef> {
                Some(MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))))
            }

            async fn from_request(
                request: &'a Request,
                _body: &mut RequestBody,
                _options: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                Ok(Self(Tags::read(request.headers(), &$header)))
            }
        }
    };
}

impl_extractor!(IfMatch, header::IF_MATCH);
impl_extractor!(IfNoneMatch, header::IF_NONE_MATCH);

/// A 200 with a resource and its entity tag.
#[derive(Debug)]
pub struct Tagged<T> {
    json: Vec<u8>,
    tag: EntityTag,
    resource: PhantomData<T>,
}

impl<T: Serialize> Tagged<T> {
    /// A response with this resource.
    pub fn new(resource: &T) -> Self {
        let json = json::to_vec(resource);
        Self { tag: EntityTag::of_json(&json), json, resource: PhantomData }
    }
}

impl<T: Send> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = json::bytes_response(StatusCode::OK, self.json.into());
        response.headers_mut().insert(header::ETAG, self.tag.into_header());
        response
    }
}

impl<T: Type> ApiResponse for Tagged<T> {
    fn meta() -> MetaResponses {
        let content = describe::content::<T>();
        describe::response(StatusCode::OK, "The requested resource.", content, vec![EntityTag::describe()])
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// A [`Tagged`] resource, or a 304 if the caller has it already.
#[derive(Debug)]
pub enum IfChanged<T> {
    /// The caller does not have the resource.
    Changed(Tagged<T>),
    /// The caller has the resource, with this tag.
    NotModified(EntityTag),
}

impl<T: Send> IntoResponse for IfChanged<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Changed(resource) => resource.into_response(),
            Self::NotModified(tag) => Response::builder()
                .status(StatusCode::NOT_MODIFIED)
                .header(header::ETAG, tag.into_header())
                .finish(),
        }
    }
}

impl<T: Type> ApiResponse for IfChanged<T> {
    fn meta() -> MetaResponses {
        let mut meta = Tagged::<T>::meta();
        let description = "The resource has one of the tags in `If-None-Match`.";
        let headers = vec![EntityTag::describe()];
        let not_modified = describe::response(StatusCode::NOT_MODIFIED, description, Vec::new(), headers);
        meta.responses.extend(not_modified.responses);
        meta
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &[u8] = b"[1]";

    fn tags(values: &[&str]) -> Tags {
        let values = values.iter().map(|value| (header::IF_MATCH, HeaderValue::from_str(value).unwrap()));
        Tags::read(&HeaderMap::from_iter(values), &header::IF_MATCH)
    }

    fn text(tag: &EntityTag) -> String {
        tag.0.to_str().unwrap().to_owned()
    }

    fn admits(values: &[&str]) -> bool {
        IfMatch(tags(values)).admits(&EntityTag::of_json(OURS))
    }

    #[test]
    fn if_match_compares_strongly() {
        let tag = text(&EntityTag::of_json(OURS));
        assert!(admits(&[]) && admits(&["*"]) && admits(&[" * "]) && admits(&[&tag]));
        assert!(admits(&[&format!("\"other\",{tag} , \"a,b\"")]) && admits(&["\"other\"", &tag]));
        let weak = format!("W/{tag}");
        for other in
            ["", "\"\"", "\"other\"", &weak, tag.trim_matches('"'), "\"a\", *", "\"*\"", &tag[1..], "\"a b\""]
        {
            assert!(!admits(&[other]), "{other}");
        }
    }

    #[test]
    fn if_none_match_compares_weakly() {
        let tag = text(&EntityTag::of(&[1]));
        let is_known = |values: &[&str]| {
            matches!(IfNoneMatch(tags(values)).unless_known(Tagged::new(&[1])), IfChanged::NotModified(_))
        };
        assert!(is_known(&["*"]) && is_known(&[&tag]) && is_known(&[&format!("\"other\", W/{tag}")]));
        assert!(!is_known(&[]) && !is_known(&["\"other\""]) && !is_known(&[tag.trim_matches('"')]));
    }

    #[test]
    fn a_tag_is_32_digits_in_quotes_and_another_for_another_content() {
        let tag = EntityTag::of_json(OURS);
        assert_eq!(tag.0.len(), 34);
        assert_eq!(tag, EntityTag::of(&[1]));
        assert_ne!(tag, EntityTag::of(&[2]));
    }
}

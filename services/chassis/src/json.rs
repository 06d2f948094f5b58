//! The JSON payload: read strictly and within limits, written as `application/json`.

use std::{borrow::Cow, collections::BTreeMap, fmt, marker::PhantomData, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use poem::{
    Body, IntoResponse, Request, RequestBody, Response,
    http::{HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, MetaResponse, MetaResponses, MetaSchema, Registry},
    types::Type,
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    refusal::{
        self, INVALID_FIELDS, MISSING_FIELDS, PAYLOAD_TOO_LARGE, REQUEST_TIMEOUT, Refused,
        UNSUPPORTED_MEDIA_TYPE,
    },
    server::Context,
    value::{Reading, Value},
};

/// The media type of every JSON body, in the document and on the wire. It has no parameters (RFC 8259, section 11).
pub const CONTENT_TYPE: &str = "application/json";

/// How many bytes a request's body may have.
pub const BODY_LIMIT: usize = 64 * 1024;

/// An answer with a JSON body.
pub fn response(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => bytes_response(status, bytes.into()),
        Err(cause) => Refused::internal(cause).into_response(),
    }
}

fn bytes_response(status: StatusCode, body: Body) -> Response {
    let mut response = Response::from((status, body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    response
}

/// A request body that is made of [`Value`]s.
pub trait FromFields: Sized {
    /// A body as people would send it, for the document.
    const EXAMPLE: &'static str;

    /// Reads every field, and only then gives up on those that are missing or invalid.
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self>;
}

/// The fields of a JSON object, and what was wrong with those that were read.
pub struct Fields<'a> {
    object: Object<'a>,
    missing: bool,
    invalid: Vec<String>,
}

impl Fields<'_> {
    /// Reads the field called `name`, and notes it if it is missing or invalid.
    pub fn read<T: Value>(&mut self, name: &str) -> Option<T> {
        match self.object.0.get(name).map_or(Reading::Missing, |raw| T::read(raw.get())) {
            Reading::Value(value) => return Some(value),
            Reading::Missing => self.missing = true,
            Reading::Invalid => self.invalid.push(format!("{name} must be {}", T::expectation())),
        }
        None
    }
}

/// Reads a whole body. A missing field outweighs an invalid one.
fn parse<T: FromFields>(body: &[u8]) -> Result<T, Refused> {
    if matches!(body.trim_ascii(), b"" | b"null") {
        return Err(MISSING_FIELDS.into());
    }
    let object = serde_json::from_slice(body)
        .map_err(|error| INVALID_FIELDS.because(format!("the body cannot be read: {error}")))?;
    let mut fields = Fields { object, missing: false, invalid: Vec::new() };
    match T::from_fields(&mut fields) {
        Some(value) => Ok(value),
        None if fields.missing => Err(MISSING_FIELDS.into()),
        None => Err(INVALID_FIELDS.because(fields.invalid.join("; "))),
    }
}

/// A JSON object whose values are not looked at yet. A tree rather than a hash table: nobody can choose keys that collide.
struct Object<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;

        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Object<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut object = BTreeMap::new();
                while let Some((Key(key), value)) = map.next_entry()? {
                    if object.insert(key, value).is_some() {
                        return Err(serde::de::Error::custom("the same key a second time"));
                    }
                }
                Ok(Object(object))
            }
        }

        deserializer.deserialize_map(ObjectVisitor)
    }
}

/// A key, borrowed where it has no escapes: serde borrows a `Cow` only when it is told to.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// A JSON body: of a request if `T` is made of fields, of a 200 if it can be written.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<'a, T: FromFields + Type> ApiExtractor<'a> for Json<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
        if let Some(schema) = registry.schemas.get_mut(T::name().as_ref()) {
            schema.example = serde_json::from_str(T::EXAMPLE).ok();
        }
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest { description: None, content: content::<T>(), required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let deadline = Context::of(request)?.limits().body_timeout();
        let is_json = request.content_type().map(is_json);
        if is_json == Some(false) {
            return Err(Refused::from(UNSUPPORTED_MEDIA_TYPE).into());
        }
        let bytes = read_body(request, body.take()?, deadline).await?;
        if is_json.is_none() && !bytes.is_empty() {
            return Err(Refused::from(UNSUPPORTED_MEDIA_TYPE).into());
        }
        Ok(Self(parse(&bytes)?))
    }
}

/// `application/json` or a type built on it (RFC 6839, section 3.1), with any parameters.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == CONTENT_TYPE || (essence.starts_with("application/") && essence.ends_with("+json"))
}

async fn read_body(request: &Request, body: Body, deadline: Duration) -> Result<Bytes, Refused> {
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > BODY_LIMIT as u64) {
        return Err(PAYLOAD_TOO_LARGE.into());
    }
    match tokio::time::timeout(deadline, collect(body)).await {
        Ok(collected) => collected,
        Err(_) => Err(REQUEST_TIMEOUT.into()),
    }
}

async fn collect(body: Body) -> Result<Bytes, Refused> {
    let mut chunks = std::pin::pin!(body.into_bytes_stream());
    let mut whole = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| INVALID_FIELDS.because(format!("the body broke off: {error}")))?;
        if whole.len() + chunk.len() > BODY_LIMIT {
            return Err(PAYLOAD_TOO_LARGE.into());
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

impl<T: Serialize> IntoResponse for Json<T>
where
    T: Send,
{
    fn into_response(self) -> Response {
        response(StatusCode::OK, &self.0)
    }
}

impl<T: Type> ApiResponse for Json<T> {
    fn meta() -> MetaResponses {
        answer(StatusCode::OK, "What was asked for.", content::<T>(), Vec::new())
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// A 201 with a `T` that was created, as JSON, and where it can be read.
#[derive(Debug)]
pub struct Created<T> {
    json: Vec<u8>,
    location: String,
    created: PhantomData<T>,
}

impl<T> Created<T> {
    /// What was created, and the path that reads it.
    pub fn new(body: &T, location: String) -> Self
    where
        T: Serialize,
    {
        // Structs of values can always be written.
        Self::again(serde_json::to_vec(body).unwrap_or_default(), location)
    }

    /// An answer that was given before.
    pub(crate) fn again(json: Vec<u8>, location: String) -> Self {
        Self { json, location, created: PhantomData }
    }

    pub(crate) fn json(&self) -> &[u8] {
        &self.json
    }

    pub(crate) fn location(&self) -> &str {
        &self.location
    }
}

impl<T: Send> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = bytes_response(StatusCode::CREATED, self.json.into());
        if let Ok(location) = HeaderValue::try_from(self.location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

impl<T: Type> ApiResponse for Created<T> {
    fn meta() -> MetaResponses {
        let location = refusal::response_header(
            "Location",
            "The path of what was created (RFC 9110, section 10.2.2).",
            true,
            MetaSchema::new("string"),
        );
        answer(StatusCode::CREATED, "What was created.", content::<T>(), vec![location])
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
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
    /// The whole list, a piece at a time: it is never in memory as a whole.
    Whole(futures_util::stream::BoxStream<'static, Result<Vec<T>, Refused>>),
}

impl<T: Serialize + Send + 'static> IntoResponse for List<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Page { items, next } => {
                let mut response = response(StatusCode::OK, &items);
                let link = next.map(|path| HeaderValue::try_from(format!("<{path}>; rel=\"next\"")));
                if let Some(Ok(link)) = link {
                    response.headers_mut().insert(header::LINK, link);
                }
                response
            }
            Self::Whole(pieces) => bytes_response(
                StatusCode::OK,
                Body::from_bytes_stream::<_, Bytes, std::io::Error>(array(pieces)),
            ),
        }
    }
}

/// One JSON array from the pieces of a list. A failure breaks the answer off, so that no caller takes a part for the whole.
fn array<T: Serialize>(
    pieces: impl Stream<Item = Result<Vec<T>, Refused>>,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    let bracket = |text: &'static str| futures_util::stream::once(async { Ok(text.into()) });
    let mut is_first = true;
    let items = pieces.map(move |piece| {
        let mut bytes = Vec::new();
        for item in piece.map_err(std::io::Error::other)? {
            if !std::mem::take(&mut is_first) {
                bytes.push(b',');
            }
            serde_json::to_writer(&mut bytes, &item)?;
        }
        Ok(bytes.into())
    });
    bracket("[").chain(items).chain(bracket("]"))
}

impl<T: Type> ApiResponse for List<T> {
    fn meta() -> MetaResponses {
        let link = refusal::response_header(
            "Link",
            "Where the next page is, with `rel=\"next\"`, when more follow (RFC 8288).",
            false,
            MetaSchema::new("string"),
        );
        answer(StatusCode::OK, "The list, by ascending id.", content::<Vec<T>>(), vec![link])
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

fn content<T: Type>() -> Vec<MetaMediaType> {
    vec![MetaMediaType { content_type: CONTENT_TYPE, schema: T::schema_ref() }]
}

fn answer(
    status: StatusCode,
    description: &'static str,
    content: Vec<MetaMediaType>,
    headers: Vec<poem_openapi::registry::MetaHeader>,
) -> MetaResponses {
    let status = Some(status.as_u16());
    MetaResponses {
        responses: vec![MetaResponse { description, status, status_range: None, content, headers }],
    }
}

//! The JSON payload: read strictly and within limits, written as `application/json`.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use poem::{
    Body, IntoResponse, Request, RequestBody, Response,
    http::{HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, MetaResponse, MetaResponses, Registry},
    types::Type,
};
use serde::Serialize;

use crate::{
    fields::{self, FromFields},
    header::{Single, single},
    refusal::{INVALID_FIELDS, PAYLOAD_TOO_LARGE, REQUEST_TIMEOUT, Refused, UNSUPPORTED_MEDIA_TYPE},
    server::Context,
};

/// The media type of every JSON body, in the document and on the wire. It has no parameters (RFC 8259, section 11).
pub const CONTENT_TYPE: &str = "application/json";

/// How many bytes a request's body may have.
pub const BODY_LIMIT: usize = 64 * 1024;

/// How many bytes most answers have room in.
const USUAL_SIZE: usize = 256;

/// An answer with a JSON body.
pub fn response(status: StatusCode, body: &impl Serialize) -> Response {
    let mut bytes = Vec::with_capacity(USUAL_SIZE);
    match serde_json::to_writer(&mut bytes, body) {
        Ok(()) => bytes_response(status, bytes.into()),
        Err(cause) => Refused::internal(cause).into_response(),
    }
}

pub(crate) fn bytes_response(status: StatusCode, body: Body) -> Response {
    let mut response = Response::from((status, body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    response
}

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
        let deadline = Context::get(|context| context.limits().body_timeout())?;
        let is_json = match single(request.headers(), &header::CONTENT_TYPE) {
            Single::Absent => None,
            Single::Value(value) => Some(value.to_str().is_ok_and(is_json)),
            // Such a request is refused before it comes here.
            Single::Contradictory => Some(false),
        };
        if is_json == Some(false) {
            return Err(Refused::from(UNSUPPORTED_MEDIA_TYPE).into());
        }
        if !request.headers().get_all(header::CONTENT_ENCODING).iter().all(is_identity) {
            let identity = HeaderValue::from_static("identity");
            return Err(UNSUPPORTED_MEDIA_TYPE.with_header(header::ACCEPT_ENCODING, identity).into());
        }
        let bytes = read_body(request, body.take()?, deadline).await?;
        Context::with(Context::note_read);
        if is_json.is_none() && !bytes.is_empty() {
            return Err(Refused::from(UNSUPPORTED_MEDIA_TYPE).into());
        }
        Ok(Self(fields::parse(&bytes)?))
    }
}

/// `application/json` or a type built on it (RFC 6839, section 3.1), with any parameters.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == CONTENT_TYPE || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Whether these codings leave the body as it is. `identity` is no coding, but some callers name it (RFC 9110, section 8.4).
fn is_identity(codings: &HeaderValue) -> bool {
    let is_none = |coding: &[u8]| {
        let coding = coding.trim_ascii();
        coding.is_empty() || coding.eq_ignore_ascii_case(b"identity")
    };
    codings.as_bytes().split(|byte| *byte == b',').all(is_none)
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
        meta(StatusCode::OK, "What was asked for.", content::<T>(), Vec::new())
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// A JSON body, as the document describes it.
pub(crate) fn content<T: Type>() -> Vec<MetaMediaType> {
    vec![MetaMediaType { content_type: CONTENT_TYPE, schema: T::schema_ref() }]
}

/// A single response, as the document describes it.
pub(crate) fn meta(
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

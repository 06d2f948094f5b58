//! JSON bodies: requests are read strictly and within limits, responses are written as `application/json`.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use poem::{
    Body, IntoResponse, Request, RequestBody, Response,
    http::{HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions,
    registry::{MetaRequest, MetaResponses, Registry},
    types::Type,
};
use serde::Serialize;

use super::fields::{self, FromFields};
use crate::{
    error::{self, ApiError, INVALID_FIELDS, PAYLOAD_TOO_LARGE, REQUEST_TIMEOUT, UNSUPPORTED_MEDIA_TYPE},
    wire::{
        describe,
        header::{Single, single},
        json::{self, CONTENT_TYPE},
    },
};

/// The largest body of a request, in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;

/// A JSON body: of a request if `T` is [`FromFields`], of a 200 response if `T` is `Serialize`.
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
        Some(MetaRequest { description: None, content: describe::content::<T>(), required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let deadline = error::in_request(|context| context.service.limits.body_timeout)?;
        let is_json = match single(request.headers(), &header::CONTENT_TYPE) {
            Single::Absent => None,
            Single::Value(value) => Some(value.to_str().is_ok_and(is_json)),
            // The request handler has rejected such a request already.
            Single::Contradictory => Some(false),
        };
        if is_json == Some(false) {
            return Err(ApiError::from(UNSUPPORTED_MEDIA_TYPE).into());
        }
        if !request.headers().get_all(header::CONTENT_ENCODING).iter().all(is_identity) {
            let identity = HeaderValue::from_static("identity");
            return Err(UNSUPPORTED_MEDIA_TYPE.with_header(header::ACCEPT_ENCODING, identity).into());
        }
        let bytes = read_body(request, body.take()?, deadline).await?;
        error::in_request(|context| context.is_read.set(true))?;
        if is_json.is_none() && !bytes.is_empty() {
            return Err(ApiError::from(UNSUPPORTED_MEDIA_TYPE).into());
        }
        Ok(Self(fields::parse(&bytes)?))
    }
}

/// `application/json` or a type built on it (RFC 6839, section 3.1), with any parameters.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == CONTENT_TYPE || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Whether the codings leave the body unchanged. `identity` is not a coding, but some callers send it (RFC 9110, section 8.4).
fn is_identity(codings: &HeaderValue) -> bool {
    let is_identity = |coding: &[u8]| {
        let coding = coding.trim_ascii();
        coding.is_empty() || coding.eq_ignore_ascii_case(b"identity")
    };
    codings.as_bytes().split(|byte| *byte == b',').all(is_identity)
}

async fn read_body(request: &Request, body: Body, deadline: Duration) -> Result<Bytes, ApiError> {
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

async fn collect(body: Body) -> Result<Bytes, ApiError> {
    let mut chunks = std::pin::pin!(body.into_bytes_stream());
    let mut whole = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let chunk =
            chunk.map_err(|error| INVALID_FIELDS.with_detail(format!("the body is incomplete: {error}")))?;
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
        json::response(StatusCode::OK, &self.0)
    }
}

impl<T: Type> ApiResponse for Json<T> {
    fn meta() -> MetaResponses {
        describe::response(StatusCode::OK, "The requested resource.", describe::content::<T>(), Vec::new())
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

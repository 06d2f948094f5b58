//! Descriptions of responses, for the document.

use poem::http::StatusCode;
use poem_openapi::{
    registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef},
    types::Type,
};

use super::json;

/// A body of JSON.
pub(crate) fn content<T: Type>() -> Vec<MetaMediaType> {
    vec![MetaMediaType { content_type: json::CONTENT_TYPE, schema: T::schema_ref() }]
}

/// A single response.
pub(crate) fn response(
    status: StatusCode,
    description: &'static str,
    content: Vec<MetaMediaType>,
    headers: Vec<MetaHeader>,
) -> MetaResponses {
    let status = Some(status.as_u16());
    MetaResponses {
        responses: vec![MetaResponse { description, status, status_range: None, content, headers }],
    }
}

/// A header of a response.
pub(crate) fn header(name: &str, description: &str, required: bool, schema: MetaSchema) -> MetaHeader {
    MetaHeader {
        name: name.into(),
        description: Some(description.into()),
        required,
        deprecated: false,
        schema: MetaSchemaRef::Inline(Box::new(schema)),
    }
}

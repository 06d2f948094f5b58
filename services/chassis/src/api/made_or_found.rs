//! Resources whose path the caller chooses, so that a retry creates no second one.

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
pub enum MadeOrFound<T> {
    /// The request created it.
    Made(Created<T>),
    /// It already existed.
    Found(Json<T>),
}

impl<T: Serialize + Send> IntoResponse for MadeOrFound<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Made(created) => created.into_response(),
            Self::Found(found) => found.into_response(),
        }
    }
}

impl<T: Type> ApiResponse for MadeOrFound<T> {
    fn meta() -> MetaResponses {
        let found = describe::response(
            StatusCode::OK,
            "The resource that an earlier request created.",
            describe::content::<T>(),
            Vec::new(),
        );
        let made = describe::response(
            StatusCode::CREATED,
            "The created resource.",
            describe::content::<T>(),
            vec![describe_location()],
        );
        MetaResponses { responses: found.responses.into_iter().chain(made.responses).collect() }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

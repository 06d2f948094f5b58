//! What a request is for.

use poem::http::HeaderValue;

use super::{
    open_paths,
    routes::{Route, Routes},
};

/// The target of a path.
pub(super) enum Target<'a> {
    /// A page or a probe without authentication.
    Open(&'static str),
    /// The operations at a path of the API.
    Route(&'a Route),
    /// Nothing.
    None,
}

impl<'a> Target<'a> {
    /// Finds the target of `path`, and the values of its parameters.
    pub(super) fn find(routes: &'a Routes, path: &str) -> (Self, Vec<String>) {
        match routes.find(path) {
            Some((route, values)) => (Self::Route(route), values),
            None => (open_paths::find(path).map_or(Self::None, Self::Open), Vec::new()),
        }
    }

    /// The path as written in the document.
    pub(super) fn template(&self) -> Option<&'static str> {
        match self {
            Self::Open(path) => Some(path),
            Self::Route(route) => Some(route.template),
            Self::None => None,
        }
    }

    /// The value of `Allow`.
    pub(super) fn allow(&self) -> Option<&HeaderValue> {
        match self {
            Self::Open(_) => Some(&open_paths::ALLOW),
            Self::Route(route) => Some(&route.allow),
            Self::None => None,
        }
    }

    pub(super) fn is_probe(&self) -> bool {
        matches!(self, Self::Open(path) if open_paths::is_probe(path))
    }

    pub(super) fn is_document(&self) -> bool {
        matches!(self, Self::Open(open_paths::DOCUMENT))
    }
}

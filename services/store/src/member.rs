//! A service of the store: its name, its entry point, and the schema of its database.

use std::{ffi::OsString, process::ExitCode};

use chassis::{api::document::Document, settings::ServiceInfo, storage::Schema};

/// A service of the store.
pub(crate) struct Member {
    pub(crate) info: ServiceInfo,
    pub(crate) schema: &'static Schema,
    pub(crate) document: fn() -> Document,
    pub(crate) main: fn(Vec<OsString>) -> ExitCode,
}

impl Member {
    pub(crate) const fn new(
        info: ServiceInfo,
        schema: &'static Schema,
        document: fn() -> Document,
        main: fn(Vec<OsString>) -> ExitCode,
    ) -> Self {
        Self { info, schema, document, main }
    }
}

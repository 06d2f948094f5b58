//! The products service: what the store sells, and how much of it there is.
//!
//! It implements `openapi/products.json`: list, read, create and replace products. It calls no other service.
//! [`api`] is the HTTP side and contains no SQL; `db` is the SQL side and contains no HTTP.

pub mod api;
mod db;

use std::{ffi::OsString, process::ExitCode};

use chassis::{
    api::{
        document::{ApiInfo, Document},
        idempotency::Keys,
    },
    process::Program,
    settings::{ServiceInfo, Settings, StartupError},
    storage::sqlite::Database,
};

pub use self::db::SCHEMA;

/// The name and the port of products.
pub const SERVICE: ServiceInfo = ServiceInfo::new("products", 5001);

/// Runs the service with `arguments`, the first of which is the program's name, until the process is told to stop.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let about = "Products of the store: list, read, create, replace";
    Program { service: SERVICE, about, upstreams: [], schema: &SCHEMA, document, build }.run(arguments)
}

/// The OpenAPI document of the service.
pub fn document() -> Document {
    Document::of::<api::Api>(&ApiInfo {
        title: "Products",
        description: "The products of the store, with their prices and stock.",
        service: SERVICE,
        checked_in: include_str!("../../../openapi/products.json"),
    })
}

fn build(settings: &Settings<0>, database: Database) -> Result<api::Api, StartupError> {
    let keys = Keys::new(database.clone(), "create_product", settings.common.limits.key_lifetime);
    Ok(api::Api::new(database, keys))
}

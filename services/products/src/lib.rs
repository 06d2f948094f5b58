//! The products service: what the store sells, and how much of it there is.
//!
//! It implements `openapi/products.json`: list, read, create and replace products, and reserve some of their stock. It calls no
//! other service. [`api`] is the HTTP side and contains no SQL; `db` is the SQL side and contains no HTTP; [`reservations`] has
//! both sides of its own.

pub mod api;
mod db;
pub mod reservations;
mod errors;

use std::{ffi::OsString, process::ExitCode};

use chassis::{
    api::{
        document::{ApiInfo, Document},
        idempotency::Keys,
    },
    process::Program,
    settings::{ServiceInfo, Settings, StartupError},
    storage::Database,
};

pub use self::db::SCHEMA;

/// The name and the port of products.
pub const SERVICE: ServiceInfo = ServiceInfo::new("products", 5001);

/// The operations of the service.
type Api = (api::Api, reservations::api::Api);

/// Runs the service with `arguments`, the first of which is the program's name, until the process is told to stop.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let about = "Products of the store: list, read, create, replace, reserve";
    Program { service: SERVICE, about, upstreams: [], schema: &SCHEMA, document, build }.run(arguments)
}

/// The OpenAPI document of the service.
pub fn document() -> Document {
    Document::of::<Api>(&ApiInfo {
        title: "Products",
        description: "The products of the store, with their prices and stock.",
        service: SERVICE,
        checked_in: include_str!("../../../openapi/products.json"),
    })
}

fn build(settings: &Settings<0>, database: Database) -> Result<Api, StartupError> {
    let keys = Keys::new(database.clone(), "create_product", settings.common.limits.key_lifetime);
    Ok((api::Api::new(database.clone(), keys), reservations::api::Api::new(database)))
}

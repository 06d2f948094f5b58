//! The orders service: what customers have ordered.
//!
//! It promises what `openapi/orders.json` says: orders can be created and read. To create one it asks the products service
//! for the product and its stock, over HTTP and with the generated client.
//! [`api`] is the wire and knows no SQL, `db` is the SQL and knows no HTTP, [`stock`] decides and knows neither.

pub mod api;
mod db;
pub mod stock;

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

/// The orders service, as other programs find it.
pub const SERVICE: ServiceInfo = ServiceInfo::new("orders", 5002);
/// The service that orders calls.
pub const PRODUCTS: ServiceInfo = ServiceInfo::new("products", 5001);

/// Runs the service with `arguments`, the first of which is the program's name, until it is told to stop.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let about = "Orders of the store: create, read";
    Program { service: SERVICE, about, upstreams: [PRODUCTS], schema: &db::SCHEMA, document, build }
        .run(arguments)
}

/// The document that the service emits.
pub fn document() -> Document {
    Document::of::<api::Api>(&ApiInfo {
        title: "Orders",
        description: "Orders of products.",
        service: SERVICE,
        checked_in: include_str!("../../../openapi/orders.json"),
    })
}

fn build(settings: &Settings<1>, database: Database) -> Result<api::Api, StartupError> {
    let [products] = &settings.upstreams;
    let products = products.connect(client::products)?;
    let keys = Keys::new(database.clone(), "create_order", settings.common.limits.key_lifetime);
    Ok(api::Api::new(database, keys, products))
}

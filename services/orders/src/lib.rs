//! The orders service: what customers have ordered.
//!
//! It implements `openapi/orders.json`: create and read orders. To create one, it reads the product and its stock from the
//! products service, over HTTP and with the generated client.
//! [`api`] is the HTTP side and contains no SQL, `db` is the SQL side and contains no HTTP, [`stock`] decides and contains neither.

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

pub use self::db::SCHEMA;

/// The name and the port of orders.
pub const SERVICE: ServiceInfo = ServiceInfo::new("orders", 5002);
/// The service that orders calls, by its name and port.
const PRODUCTS: ServiceInfo = ServiceInfo::new("products", 5001);

/// Runs the service with `arguments`, the first of which is the program's name, until the process is told to stop.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let about = "Orders of the store: create, read";
    Program { service: SERVICE, about, upstreams: [PRODUCTS], schema: &SCHEMA, document, build }
        .run(arguments)
}

/// The OpenAPI document of the service.
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
    let products = products.connect(client::products, client::products::Client::set_token)?;
    let keys = Keys::new(database.clone(), "create_order", settings.common.limits.key_lifetime);
    Ok(api::Api::new(database, keys, products))
}

//! The payments service: what customers have paid.
//!
//! It implements `openapi/payments.json`: create and read payments. To create one, it reads the order from the orders service,
//! over HTTP and with the generated client.
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
    storage::Database,
};

pub use self::db::SCHEMA;

/// The name and the port of payments.
pub const SERVICE: ServiceInfo = ServiceInfo::new("payments", 5003);
/// The service that payments calls, by its name and port.
const ORDERS: ServiceInfo = ServiceInfo::new("orders", client::orders::PORT);

/// Runs the service with `arguments`, the first of which is the program's name, until the process is told to stop.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let about = "Payments of the store: create, read";
    Program { service: SERVICE, about, upstreams: [ORDERS], schema: &SCHEMA, document, build }.run(arguments)
}

/// The OpenAPI document of the service.
pub fn document() -> Document {
    Document::of::<api::Api>(&ApiInfo {
        title: "Payments",
        description: "Payments for orders.",
        service: SERVICE,
        checked_in: include_str!("../../../openapi/payments.json"),
    })
}

fn build(settings: &Settings<1>, database: Database) -> Result<api::Api, StartupError> {
    let [orders] = &settings.upstreams;
    let orders = orders.connect(client::orders, client::orders::Client::set_token)?;
    let keys = Keys::new(database.clone(), "create_payment", settings.common.limits.key_lifetime);
    Ok(api::Api::new(database, keys, orders))
}

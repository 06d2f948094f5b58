//! The payments service: what customers have paid.
//!
//! It promises what `openapi/payments.json` says: payments can be created and read. To create one it asks the orders service
//! for the order, over HTTP and with the generated client.
//! [`api`] is the wire and knows no SQL; `db` is the SQL and knows no HTTP.

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

/// The payments service, as other programs find it.
pub const SERVICE: ServiceInfo = ServiceInfo::new("payments", 5003);
/// The service that payments calls.
pub const ORDERS: ServiceInfo = ServiceInfo::new("orders", 5002);

/// Runs the service with `arguments`, the first of which is the program's name, until it is told to stop.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let about = "Payments of the store: create, read";
    Program { service: SERVICE, about, upstreams: [ORDERS], schema: &db::SCHEMA, document, build }
        .run(arguments)
}

/// The document that the service emits.
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
    let orders = orders.connect(client::orders)?;
    let keys = Keys::new(database.clone(), "create_payment", settings.common.limits.key_lifetime);
    Ok(api::Api::new(database, keys, orders))
}

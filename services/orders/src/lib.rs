//! The orders service: what customers have ordered.
//!
//! It implements `openapi/orders.json`: create and read orders. To create one, it reads the product and its stock from the
//! products service, over HTTP and with the generated client, or reserves the stock there.
//! [`api`] is the HTTP side and contains no SQL; `db` is the SQL side and contains no HTTP; `products` calls the products service;
//! [`stock`] decides, with neither HTTP nor SQL. `reserve` creates orders with reservations, and `settle` cleans up after those
//! that failed.

pub mod api;
mod reserve;
mod settle;
mod live;
mod products;
mod db;
pub mod stock;
mod metrics;
mod errors;
mod own;

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

use self::{api::Stock, live::Live, own::StockMode, products::Products, reserve::Reserve, settle::Settler};

pub use self::{db::SCHEMA, own::Own};

/// The name and the port of orders.
pub const SERVICE: ServiceInfo = ServiceInfo::new("orders", 5002);
/// The service that orders calls, by its name and port.
const PRODUCTS: ServiceInfo = ServiceInfo::new("products", client::products::PORT);

/// Runs the service with `arguments`, the first of which is the program's name, until the process is told to stop.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let about = "Orders of the store: create, read";
    Program { service: SERVICE, about, upstreams: [PRODUCTS], schema: &SCHEMA, document, build }
        .run_with(arguments, api::Api::settle)
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

fn build(settings: &Settings<1, Own>, database: Database) -> Result<api::Api, StartupError> {
    let [products] = &settings.upstreams;
    let products = Products::new(products.connect(client::products, client::products::Client::set_token)?);
    let keys = Keys::new(database.clone(), "create_order", settings.common.limits.key_lifetime);
    let live = Live::new(settings.common.limits.request_timeout);
    let settler = Settler::new(database.clone(), products.clone(), live.clone());
    let stock = match settings.own.orders_stock {
        StockMode::Check => Stock::Check(products),
        StockMode::Reserve => Stock::Reserve(Reserve::new(database.clone(), products, live)),
    };
    Ok(api::Api::new(database, keys, stock, settler))
}

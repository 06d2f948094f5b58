//! The orders service: what customers have ordered.
//!
//! It promises what `openapi/orders.json` says: orders can be created and read. To create one it asks the products service
//! for the product and its stock, over HTTP and with the generated client.
//! [`api`] is the wire and knows no SQL, `db` is the SQL and knows no HTTP, [`stock`] decides and knows neither.

pub mod api;
mod db;
pub mod stock;

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, process::ExitCode};

use chassis::{
    api::{
        document::{ApiInfo, Document},
        idempotency::Keys,
    },
    process,
    server::Service,
    settings::{Common, Secret, StartupError, TokenSetting, command_line},
    storage::sqlite::Database,
};
use clap::Parser;

/// The token that everybody knows.
const DEVELOPMENT_TOKEN: &str = "SECRET_ORDERS_TOKEN";
/// The one of the products service.
const PRODUCTS_DEVELOPMENT_TOKEN: &str = "SECRET_PRODUCTS_TOKEN";

/// Orders of the store: create, read.
#[derive(Clone, Debug, Parser)]
#[command(name = "orders", version)]
pub struct Settings {
    /// Where orders listens
    #[arg(long, env = "ORDERS_LISTEN", default_value = "127.0.0.1:5002", value_name = "ADDRESS")]
    orders_listen: SocketAddr,

    /// The token that orders asks for
    #[arg(long, env = "ORDERS_TOKEN", default_value = DEVELOPMENT_TOKEN, hide_env_values = true, value_name = "TOKEN")]
    orders_token: Secret,

    /// File with that token, which is taken instead
    #[arg(long, env = "ORDERS_TOKEN_FILE", value_name = "FILE")]
    orders_token_file: Option<PathBuf>,

    /// Where orders finds products
    #[arg(long, env = "PRODUCTS_URL", default_value = "http://127.0.0.1:5001", value_name = "URL")]
    products_url: String,

    /// The token that orders shows to products
    #[arg(long, env = "PRODUCTS_TOKEN", default_value = PRODUCTS_DEVELOPMENT_TOKEN, hide_env_values = true, value_name = "TOKEN")]
    products_token: Secret,

    /// File with that token, which is taken instead
    #[arg(long, env = "PRODUCTS_TOKEN_FILE", value_name = "FILE")]
    products_token_file: Option<PathBuf>,

    #[command(flatten)]
    common: Common,
}

/// Runs the service with `arguments`, the first of which is the program's name, until it is told to stop.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let settings: Settings = match command_line::parse(&arguments) {
        Ok((settings, _)) => settings,
        Err(code) => return code,
    };
    process::run("orders", &settings.common, || build(&settings))
}

/// The document that the service emits.
pub fn document() -> Document {
    Document::of::<api::Api>(&ApiInfo {
        title: "Orders",
        description: "Orders of products.",
        address: "http://localhost:5002",
        checked_in: include_str!("../../../openapi/orders.json"),
    })
}

fn build(settings: &Settings) -> Result<Service<api::Api>, StartupError> {
    let listen = settings.orders_listen;
    let token = TokenSetting::new(
        "ORDERS_TOKEN",
        &settings.orders_token,
        settings.orders_token_file.as_ref(),
        DEVELOPMENT_TOKEN,
    )
    .check(listen)?;
    let products_token = TokenSetting::new(
        "PRODUCTS_TOKEN",
        &settings.products_token,
        settings.products_token_file.as_ref(),
        PRODUCTS_DEVELOPMENT_TOKEN,
    )
    .check(listen)?;
    let products = client::products(&settings.products_url, products_token.expose())
        .map_err(|error| StartupError::new(format!("PRODUCTS_URL is wrong: {error}.")))?;
    let database = Database::open(&settings.common.data_dir, "orders", &db::SCHEMA)?;
    let keys = Keys::new(database.clone(), "create_order", settings.common.limits.key_lifetime());
    Ok(Service {
        name: "orders",
        listen,
        listen_variable: "ORDERS_LISTEN",
        token,
        limits: settings.common.limits.clone(),
        api: api::Api::new(database.clone(), keys, products),
        database,
        document: document(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_do_not_show_a_token() {
        let arguments = ["orders", "--orders-token=4711", "--products-token=4711"];
        let shown = format!("{:?}", Settings::parse_from(arguments));
        assert!(shown.contains("_token") && !shown.contains("4711"), "{shown}");
    }
}

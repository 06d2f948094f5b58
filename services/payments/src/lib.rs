//! The payments service: what customers have paid.
//!
//! It promises what `openapi/payments.json` says: payments can be created and read. To create one it asks the orders service
//! for the order, over HTTP and with the generated client.
//! [`api`] is the wire and knows no SQL; `db` is the SQL and knows no HTTP.

pub mod api;
mod db;

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
const DEVELOPMENT_TOKEN: &str = "SECRET_PAYMENTS_TOKEN";
/// The one of the orders service.
const ORDERS_DEVELOPMENT_TOKEN: &str = "SECRET_ORDERS_TOKEN";

/// Payments of the store: create, read.
#[derive(Clone, Debug, Parser)]
#[command(name = "payments", version)]
pub struct Settings {
    /// Where payments listens
    #[arg(long, env = "PAYMENTS_LISTEN", default_value = "127.0.0.1:5003", value_name = "ADDRESS")]
    payments_listen: SocketAddr,

    /// The token that payments asks for
    #[arg(long, env = "PAYMENTS_TOKEN", default_value = DEVELOPMENT_TOKEN, hide_env_values = true, value_name = "TOKEN")]
    payments_token: Secret,

    /// File with that token, which is taken instead
    #[arg(long, env = "PAYMENTS_TOKEN_FILE", value_name = "FILE")]
    payments_token_file: Option<PathBuf>,

    /// Where payments finds orders
    #[arg(long, env = "ORDERS_URL", default_value = "http://127.0.0.1:5002", value_name = "URL")]
    orders_url: String,

    /// The token that payments shows to orders
    #[arg(long, env = "ORDERS_TOKEN", default_value = ORDERS_DEVELOPMENT_TOKEN, hide_env_values = true, value_name = "TOKEN")]
    orders_token: Secret,

    /// File with that token, which is taken instead
    #[arg(long, env = "ORDERS_TOKEN_FILE", value_name = "FILE")]
    orders_token_file: Option<PathBuf>,

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
    process::run("payments", &settings.common, || build(&settings))
}

/// The document that the service emits.
pub fn document() -> Document {
    Document::of::<api::Api>(&ApiInfo {
        title: "Payments",
        description: "Payments for orders.",
        address: "http://localhost:5003",
        checked_in: include_str!("../../../openapi/payments.json"),
    })
}

fn build(settings: &Settings) -> Result<Service<api::Api>, StartupError> {
    let listen = settings.payments_listen;
    let token = TokenSetting::new(
        "PAYMENTS_TOKEN",
        &settings.payments_token,
        settings.payments_token_file.as_ref(),
        DEVELOPMENT_TOKEN,
    )
    .check(listen)?;
    let orders_token = TokenSetting::new(
        "ORDERS_TOKEN",
        &settings.orders_token,
        settings.orders_token_file.as_ref(),
        ORDERS_DEVELOPMENT_TOKEN,
    )
    .check(listen)?;
    let orders = client::orders(&settings.orders_url, orders_token.expose())
        .map_err(|error| StartupError::new(format!("ORDERS_URL is wrong: {error}.")))?;
    let database = Database::open(&settings.common.data_dir, "payments", &db::SCHEMA)?;
    let keys = Keys::new(database.clone(), "create_payment", settings.common.limits.key_lifetime());
    Ok(Service {
        name: "payments",
        listen,
        listen_variable: "PAYMENTS_LISTEN",
        token,
        limits: settings.common.limits.clone(),
        api: api::Api::new(database.clone(), keys, orders),
        database,
        document: document(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_do_not_show_a_token() {
        let arguments = ["payments", "--payments-token=4711", "--orders-token=4711"];
        let shown = format!("{:?}", Settings::parse_from(arguments));
        assert!(shown.contains("_token") && !shown.contains("4711"), "{shown}");
    }
}

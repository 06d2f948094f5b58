//! The products service: what the store sells, and how much of it there is.
//!
//! It promises what `openapi/products.json` says: products can be listed, read, created and replaced. It calls nobody.
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
const DEVELOPMENT_TOKEN: &str = "SECRET_PRODUCTS_TOKEN";

/// Products of the store: list, read, create, replace.
#[derive(Clone, Debug, Parser)]
#[command(name = "products", version)]
pub struct Settings {
    /// Where products listens
    #[arg(long, env = "PRODUCTS_LISTEN", default_value = "127.0.0.1:5001", value_name = "ADDRESS")]
    products_listen: SocketAddr,

    /// The token that products asks for
    #[arg(long, env = "PRODUCTS_TOKEN", default_value = DEVELOPMENT_TOKEN, hide_env_values = true, value_name = "TOKEN")]
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
    process::run("products", &settings.common, || build(&settings))
}

/// The document that the service emits.
pub fn document() -> Document {
    Document::of::<api::Api>(&ApiInfo {
        title: "Products",
        description: "The products of the store, with their prices and stock.",
        address: "http://localhost:5001",
        checked_in: include_str!("../../../openapi/products.json"),
    })
}

fn build(settings: &Settings) -> Result<Service<api::Api>, StartupError> {
    let listen = settings.products_listen;
    let token = TokenSetting::new(
        "PRODUCTS_TOKEN",
        &settings.products_token,
        settings.products_token_file.as_ref(),
        DEVELOPMENT_TOKEN,
    )
    .check(listen)?;
    let database = Database::open(&settings.common.data_dir, "products", &db::SCHEMA)?;
    let keys = Keys::new(database.clone(), "create_product", settings.common.limits.key_lifetime());
    Ok(Service {
        name: "products",
        listen,
        listen_variable: "PRODUCTS_LISTEN",
        token,
        limits: settings.common.limits.clone(),
        api: api::Api::new(database.clone(), keys),
        database,
        document: document(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_do_not_show_a_token() {
        let arguments = ["products", "--products-token=4711"];
        let shown = format!("{:?}", Settings::parse_from(arguments));
        assert!(shown.contains("_token") && !shown.contains("4711"), "{shown}");
    }
}

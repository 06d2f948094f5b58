//! One service of the store, written with axum, sqlx and reqwest as their guides show: an extractor for each body, a pool of
//! connections with its defaults, a commit for each write. It implements the original contract, so the suite passes on it.
//!
//! `axum-sqlx products` has the store's own settings: `PRODUCTS_LISTEN`, `PRODUCTS_TOKEN`, `DATA_DIR` or `PRODUCTS_DATABASE_URL`,
//! and the URL and the token of the service that it calls. The build selects the engine: `--features sqlite` or
//! `--features postgres`.

mod api;
mod database;
mod upstream;

use std::{env, error::Error, sync::Arc};

use tokio::net::TcpListener;

use crate::{database::Database, upstream::Upstream};

/// What every handler needs.
struct Service {
    database: Database,
    token: String,
    upstream: Upstream,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let name = env::args().nth(1).ok_or("usage: axum-sqlx products|orders|payments")?;
    let setting = |suffix| env::var(variable(&name, suffix));
    let url = match setting("DATABASE_URL") {
        Ok(url) => url,
        Err(_) => format!("sqlite://{}/{name}.db", env::var("DATA_DIR")?),
    };
    let service = Arc::new(Service {
        database: Database::open(&url).await?,
        token: token(&name),
        upstream: Upstream::of(&name)?,
    });
    let listener = TcpListener::bind(setting("LISTEN")?).await?;
    println!("{name} is ready at http://{}", listener.local_addr()?);
    axum::serve(listener, api::router(&name, service)).await?;
    Ok(())
}

/// `PRODUCTS_TOKEN`, or the token of development.
fn token(name: &str) -> String {
    env::var(variable(name, "TOKEN")).unwrap_or_else(|_| format!("SECRET_{}_TOKEN", name.to_uppercase()))
}

fn variable(name: &str, suffix: &str) -> String {
    format!("{}_{suffix}", name.to_uppercase())
}

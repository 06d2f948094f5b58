//! Retries a create until there is a response, and creates the product only once.
//!
//! Run it with `cargo run -p client --example retries` while the store is running. Every try has the same idempotency key, so
//! a service that has already created the product sends its first response again.

#![allow(clippy::disallowed_macros, reason = "examples print their results")]

use std::{env, time::Duration};

use client::{
    Error,
    products::{
        Client,
        types::{CreateProductErrorBody, CreateProductErrorMessage, NewProduct, Product},
    },
};
use uuid::Uuid;

/// The most tries. The pause between them starts at 100 ms, doubles, and is at least `Retry-After`.
const TRIES: u32 = 6;

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = env::var("PRODUCTS_URL").unwrap_or_else(|_| "http://127.0.0.1:5001".into());
    let token = env::var("PRODUCTS_TOKEN").unwrap_or_else(|_| "SECRET_PRODUCTS_TOKEN".into());

    let products = client::products(&url, &token)?;
    let product = create_once(&products, "Computer", 200.0, 20).await?;
    println!("product {} was created once", product.id);
    Ok(())
}

async fn create_once(
    products: &Client,
    name: &str,
    price: f64,
    stock: u64,
) -> Result<Product, Error<CreateProductErrorBody>> {
    let key = Uuid::now_v7().to_string();
    let mut pause = Duration::from_millis(100);
    let mut tries = 1;
    loop {
        let product = NewProduct::builder().name(name).price(price).stock(stock);
        match products.create_product().idempotency_key(&*key).body(product).send().await {
            Ok(product) => return Ok(product.into_inner()),
            Err(error) if tries < TRIES && is_transient(&error) => {
                println!("try {tries}: {}", client::cause(&error));
                if let Error::ErrorResponse(response) = &error {
                    pause = pause.max(client::retry_after(response.headers()).unwrap_or_default());
                }
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
        tries += 1;
    }
}

/// Whether the same request may succeed in a moment: the service was unreachable or overloaded, or the first try is still in
/// flight.
fn is_transient(error: &Error<CreateProductErrorBody>) -> bool {
    let is_in_progress = match error {
        Error::ErrorResponse(response) => response.error == CreateProductErrorMessage::RequestInProgress,
        _ => false,
    };
    is_in_progress || error.is_retryable()
}

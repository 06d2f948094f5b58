//! Creates a product once, however often the request must be sent until there is an answer.
//!
//! `cargo run -p client --example retries`, while the store runs. The idempotency key is made before the first try and kept:
//! a service that has done the work already gives its first answer again.

#![allow(clippy::disallowed_macros, reason = "an example prints as its reader would")]

use std::{env, time::Duration};

use client::{
    Error,
    products::{
        Client,
        types::{CreateProductErrorBody, CreateProductErrorMessage, NewProduct, Product},
    },
};
use uuid::Uuid;

/// How often it is sent. The pauses between double, from 100 milliseconds, and are as long as the service asks for.
const TRIES: u32 = 6;

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = env::var("PRODUCTS_URL").unwrap_or_else(|_| "http://127.0.0.1:5001".into());
    let token = env::var("PRODUCTS_TOKEN").unwrap_or_else(|_| "SECRET_PRODUCTS_TOKEN".into());

    let products = client::products(&url, &token)?;
    let product = create_once(&products, "Computer", 200.0, 20).await?;
    println!("product {} is there once", product.id);
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
            Err(error) if tries < TRIES && may_pass(&error) => {
                println!("try {tries}: {}", client::cause(&error));
                if let Error::ErrorResponse(refusal) = &error {
                    pause = pause.max(client::retry_after(refusal.headers()).unwrap_or_default());
                }
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
        tries += 1;
    }
}

/// Whether the same request may be answered otherwise in a moment: nobody was there, or there was too much to do, or the
/// service is still at the first one.
fn may_pass(error: &Error<CreateProductErrorBody>) -> bool {
    let is_under_way = match error {
        Error::ErrorResponse(refusal) => refusal.error == CreateProductErrorMessage::RequestInProgress,
        _ => false,
    };
    is_under_way || error.is_retryable()
}
